//! How many records there are: each command has one, and nobody removes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// So many files.
const MOST: usize = 1_000;
/// So much in all.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// Removes the oldest until there is room; the one that is written now stays. What cannot be removed stays too.
pub(super) fn keep(dir: &Path, now: &Path) {
    keep_at_most(dir, now, MOST, LARGEST);
}

fn keep_at_most(dir: &Path, now: &Path, most: usize, largest: u64) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let is_record = entry.path().extension().is_some_and(|end| end == "jsonl");
            is_record.then_some(())?;
            Some((about.modified().ok()?, about.len(), entry.path()))
        })
        .collect();
    files.sort();
    let (mut count, mut size) = (files.len(), files.iter().map(|(_, size, _)| size).sum::<u64>());
    for (_, length, path) in files.iter().filter(|(_, _, path)| path != now) {
        if count <= most && size <= largest {
            return;
        }
        let _ = fs::remove_file(path);
        // one that was put aside has none
        let _ = fs::remove_file(path.with_extension("end"));
        count -= 1;
        size -= length;
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_are_removed_and_never_the_one_that_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = |number: u64| dir.path().join(format!("{number}.jsonl"));
        let make = |number| {
            fs::write(path(number), "x".repeat(10)).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
            File::options().write(true).open(path(number)).unwrap().set_modified(at).unwrap();
        };
        let left = || (0..6).filter(|number| path(*number).exists()).collect::<Vec<_>>();
        (0..6).for_each(make);
        keep_at_most(dir.path(), &path(0), 6, 60);
        assert_eq!(left(), [0, 1, 2, 3, 4, 5]);
        keep_at_most(dir.path(), &path(0), 4, 60);
        assert_eq!(left(), [0, 3, 4, 5]);
        keep_at_most(dir.path(), &path(5), 4, 29);
        assert_eq!(left(), [4, 5]);
        keep_at_most(dir.path(), &path(5), 0, 0);
        assert_eq!(left(), [5]);
    }
}
