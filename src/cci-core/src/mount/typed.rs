//! A mount as it is typed: `HOST:CONTAINER`, or `HOST:CONTAINER:ro`.

use super::MountError;
use super::path::container_path;

/// A mount as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The host path as it is typed.
    pub host: String,
    /// The path in the container.
    pub container: String,
    /// Whether the container may only read it.
    pub readonly: bool,
}

impl Typed {
    /// Reads `HOST:CONTAINER[:ro]`; the host path may itself have colons.
    pub fn parse(raw: &str) -> Result<Self, MountError> {
        let form = || MountError::Form(raw.to_owned());
        let (rest, readonly) = match raw.strip_suffix(":ro") {
            Some(rest) => (rest, true),
            None => (raw.strip_suffix(":rw").unwrap_or(raw), false),
        };
        let (host, container) = rest.rsplit_once(':').ok_or_else(form)?;
        if host.is_empty() || container.is_empty() {
            return Err(form());
        }
        Ok(Self { host: host.to_owned(), container: container_path(container)?, readonly })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_typed_mount_has_three_parts() {
        let typed = |raw: &str| Typed::parse(raw).map(|typed| (typed.host, typed.container, typed.readonly));
        assert_eq!(typed("~/d:/data"), Ok(("~/d".into(), "/data".into(), false)));
        assert_eq!(typed("/a:b:/data/:ro"), Ok(("/a:b".into(), "/data".into(), true)));
        for wrong in ["", ":", "/a", "/a:", ":/b", "/a:b", "/a:/b/../c", "/a:/b:rx"] {
            assert!(typed(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(raw in any::<String>()) {
            let _ = Typed::parse(&raw);
        }
    }
}
