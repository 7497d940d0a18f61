//! Which distribution this is, and where it gets Incus from.

/// A distribution, as far as the installation of Incus differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distro {
    /// Debian 12: Incus is in its backports.
    Bookworm,
    /// Debian 13 and newer, Ubuntu 24.04 and newer: Incus is in the archive.
    InArchive(String),
    /// Anything else, by its own name: Incus is installed manually.
    Other(String),
}

impl Distro {
    /// Reads `/etc/os-release`.
    #[must_use]
    pub fn from_os_release(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.map(|value| value.trim_matches(['"', '\'']).to_owned()).unwrap_or_default()
        };
        let (id, version, codename) = (field("ID"), field("VERSION_ID"), field("VERSION_CODENAME"));
        let pretty = field("PRETTY_NAME");
        let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        match id.as_str() {
            "debian" if major == 12 => Self::Bookworm,
            "debian" if major >= 13 || codename == "sid" || codename == "forky" => Self::InArchive(pretty),
            "ubuntu" if major >= 24 => Self::InArchive(pretty),
            _ => Self::Other(if pretty.is_empty() { "an unknown distribution".to_owned() } else { pretty }),
        }
    }

    /// Whether setup can install on it.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

/// The apt source that Debian 12 needs for Incus, in deb822 form, from the mirror that the host uses already.
///
/// `sources` is the text of apt's own sources; `None` if they name no mirror of Debian's archive.
#[must_use]
pub fn backports(sources: &str) -> Option<String> {
    let is_mirror = |word: &&str| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian");
    let used = sources.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mirror = used.flat_map(str::split_whitespace).find(is_mirror)?;
    Some(format!(
        "Types: deb\nURIs: {mirror}\nSuites: bookworm-backports\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backports_come_from_the_mirror_in_use() {
        let text = backports(
            "# deb http://old/debian x\nURIs: http://mirror.example/debian-security\ndeb http://mirror.example/debian bookworm main\n",
        );
        assert!(text.unwrap().contains("URIs: http://mirror.example/debian\n"));
        assert_eq!(backports("deb cdrom:[x]/ bookworm main"), None);
    }

    #[test]
    fn each_supported_release_is_told_apart() {
        let release = |id: &str, version: &str| {
            Distro::from_os_release(&format!("PRETTY_NAME=\"P\"\nID={id}\nVERSION_ID=\"{version}\"\nID_LIKE=x\n"))
        };
        assert_eq!(release("debian", "12"), Distro::Bookworm);
        for (id, version) in [("debian", "13"), ("ubuntu", "24.04"), ("ubuntu", "26.04")] {
            assert_eq!(release(id, version), Distro::InArchive("P".into()), "{id} {version}");
        }
        for (id, version) in [("debian", "11"), ("ubuntu", "22.04"), ("fedora", "42"), ("arch", "")] {
            assert!(!release(id, version).is_supported(), "{id} {version}");
        }
        assert!(!Distro::from_os_release("").is_supported());
    }
}
