//! What an image is built from, as `--from` and `build.from` give it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The image that `auto` asks the image server for.
pub const SERVER_ALIAS: &str = "debian/13";
/// The same system for the bootstrap that `auto` falls back to.
pub const SUITE: &str = "trixie";

/// Where the root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// The image server if it answers, else a bootstrap.
    Auto,
    /// An alias on the image server (simplestreams).
    Server(String),
    /// A suite of Debian or Ubuntu, installed from its mirror.
    Bootstrap(Suite),
    /// An image that Incus has, by alias or fingerprint.
    Local(String),
    /// A tarball of a root file system on the host.
    Tarball(PathBuf),
}

/// A release of a distribution by its mirror's name for it, such as `trixie`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite(String);

impl Suite {
    /// As the mirror knows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The suite that `auto` falls back to.
    #[must_use]
    pub fn standard() -> Self {
        Self(SUITE.to_owned())
    }

    /// It becomes an argument of a host program, so nothing that looks like an option, a path or an address is
    /// accepted.
    fn parse(raw: &str) -> Result<Self, SourceError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if raw.starts_with(|c: char| c.is_ascii_lowercase()) && raw.chars().all(fits) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(SourceError::Suite(raw.to_owned()))
        }
    }
}

/// Why a text is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It is empty.
    #[error("an image source cannot be empty")]
    Empty,
    /// A name that no mirror has.
    #[error("invalid suite '{0}'")]
    Suite(String),
    /// A scheme that cci does not know.
    #[error("invalid image source '{0}'")]
    Scheme(String),
}

impl SourceError {
    /// The accepted forms.
    pub const FORMS: &str =
        "use auto, images:debian/13, bootstrap:trixie, a local image's alias, or the path of a rootfs tarball";
}

impl FromStr for ImageSource {
    type Err = SourceError;

    fn from_str(raw: &str) -> Result<Self, SourceError> {
        if raw == "auto" {
            return Ok(Self::Auto);
        }
        if is_path(raw) {
            return Ok(Self::Tarball(raw.into()));
        }
        match raw.split_once(':') {
            None if raw.is_empty() => Err(SourceError::Empty),
            None => Ok(Self::Local(raw.to_owned())),
            Some(("images", alias)) if !alias.is_empty() => Ok(Self::Server(alias.to_owned())),
            Some(("bootstrap", suite)) => Suite::parse(suite).map(Self::Bootstrap),
            Some(_) => Err(SourceError::Scheme(raw.to_owned())),
        }
    }
}

/// A path is told from an alias by its start or by a tarball's extension.
fn is_path(raw: &str) -> bool {
    let begins = ["/", "./", "../", "~/"].iter().any(|start| raw.starts_with(start));
    let tarball = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar.bz2"].iter().any(|end| raw.ends_with(end));
    begins || tarball
}

/// Whether nobody between here and an image server can send another image: the hashes that an image is checked against
/// come from the same server. For this machine itself the connection needs no protection.
#[must_use]
pub fn is_safe_way(server: &str) -> bool {
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    match (server.strip_prefix("https://"), server.strip_prefix("http://")) {
        (Some(rest), _) => !host(rest).is_empty(),
        (_, Some(rest)) => match host(rest).rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => is_loopback(name),
            _ => is_loopback(&host(rest)),
        },
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for ImageSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => write!(out, "auto"),
            Self::Server(alias) => write!(out, "images:{alias}"),
            Self::Bootstrap(suite) => write!(out, "bootstrap:{}", suite.as_str()),
            Self::Local(alias) => write!(out, "{alias}"),
            Self::Tarball(path) => write!(out, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_told_from_the_others() {
        let local = |name: &str| Ok(ImageSource::Local(name.into()));
        let table = [
            ("auto", Ok(ImageSource::Auto)),
            ("images:debian/13", Ok(ImageSource::Server("debian/13".into()))),
            ("images:debian/12", Ok(ImageSource::Server("debian/12".into()))),
            ("bootstrap:bookworm", Ok(ImageSource::Bootstrap(Suite("bookworm".into())))),
            ("cci", local("cci")),
            ("debian/12", local("debian/12")),
            ("6945ff073247", local("6945ff073247")),
            ("./rootfs", Ok(ImageSource::Tarball("./rootfs".into()))),
            ("rootfs.tar.xz", Ok(ImageSource::Tarball("rootfs.tar.xz".into()))),
            ("/a:b/rootfs.tar", Ok(ImageSource::Tarball("/a:b/rootfs.tar".into()))),
            ("", Err(SourceError::Empty)),
            ("images:", Err(SourceError::Scheme("images:".into()))),
            ("docker:alpine", Err(SourceError::Scheme("docker:alpine".into()))),
        ];
        for (raw, meant) in table {
            assert_eq!(raw.parse(), meant, "{raw}");
        }
    }

    #[test]
    fn an_image_server_is_asked_over_https_or_on_this_machine() {
        for safe in ["https://images.example", "http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:80"] {
            assert!(is_safe_way(safe), "{safe}");
        }
        for other in [
            "http://images.example",
            "http://127.0.0.1.example",
            "http://localhost@x.example",
            "http://localhost:x@y",
            "HTTP://x",
            "https://",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(!is_safe_way(other), "{other}");
        }
    }

    #[test]
    fn a_suite_can_be_neither_an_option_nor_a_path() {
        for raw in ["", "--setup-hook=touch /tmp/x", "-v", "../x", "book worm", "http://x", "Bookworm"] {
            assert_eq!(format!("bootstrap:{raw}").parse::<ImageSource>(), Err(SourceError::Suite(raw.into())));
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(raw in "\\PC{0,20}|(images|bootstrap):[a-z/.0-9-]{1,12}") {
            if let Ok(source) = raw.parse::<ImageSource>() {
                prop_assert_eq!(source.to_string().parse(), Ok(source));
            }
        }
    }
}
