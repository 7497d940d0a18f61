//! Which build of cci a supervisor is, and which of two is the newer one.

use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// One build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Build {
    /// As `cci version` prints it.
    pub(crate) version: String,
    /// When the program file was written, in nanoseconds since 1970: two builds of one commit can differ.
    pub(crate) written: i64,
}

impl Build {
    /// The one that runs now.
    pub(crate) fn own() -> Self {
        // also where the file was replaced meanwhile
        let file = std::fs::metadata("/proc/self/exe").ok();
        let written =
            file.map_or(0, |file| file.mtime().saturating_mul(1_000_000_000).saturating_add(file.mtime_nsec()));
        Self { version: env!("CCI_VERSION").to_owned(), written }
    }

    /// Whether it takes over from the other one: by its version, by the commits since, by when it was built.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (numbers(&self.version), self.written) > (numbers(&other.version), other.written)
    }
}

/// The numbers of `0.1.0-12-gab12cd3`: three of the version, one of the commits since.
fn numbers(version: &str) -> [u64; 4] {
    let mut numbers = [0; 4];
    let (version, commits) = version.split_once('-').unwrap_or((version, ""));
    let parts = version.split('.').take(3).chain([commits.split('-').next().unwrap_or_default()]);
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().unwrap_or_default();
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: &str, written: i64) -> Build {
        Build { version: version.into(), written }
    }

    #[test]
    fn the_newer_one_takes_over_and_never_both_from_each_other() {
        let in_order = [
            build("", 9),
            build("0.1.0", 5),
            build("0.1.0-9-gabc", 5),
            build("0.1.0-10-gabc", 1),
            build("0.1.0-10-gabc-dirty", 2),
            build("0.2.0", 0),
            build("0.10.0-1-gabc", 0),
        ];
        for (at, one) in in_order.iter().enumerate() {
            for (other_at, other) in in_order.iter().enumerate() {
                assert_eq!(one.is_newer_than(other), at > other_at, "{one:?} {other:?}");
            }
        }
    }
}
