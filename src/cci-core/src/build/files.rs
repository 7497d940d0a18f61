//! The files that are put into the build container before its first step.

/// A file as it will be in the container, owned by its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFile {
    /// The absolute path.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// Where a distribution expects the certificates that its administrator adds.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";

/// The files of every standard image: the stand-in agent, the commands by which an agent takes checkpoints and asks
/// why something is refused, and what git asks to be let in.
#[must_use]
pub fn standard() -> Vec<GuestFile> {
    let dummy = include_bytes!("../../../../build-scripts/dummy").to_vec();
    let checkpoint = include_bytes!("../../../../build-scripts/cci-checkpoint").to_vec();
    let why = include_bytes!("../../../../build-scripts/cci-why").to_vec();
    let credential = include_bytes!("../../../../build-scripts/git-credential-cci").to_vec();
    let program = |name: &str, content| GuestFile { path: format!("/usr/local/bin/{name}"), content, mode: 0o755 };
    vec![
        program("dummy", dummy),
        program("cci-checkpoint", checkpoint),
        program("cci-why", why),
        program("git-credential-cci", credential),
    ]
}

/// A certificate of the host, under the same name; `None` for a name that is not a plain `*.crt`.
#[must_use]
pub fn certificate(name: &str, content: Vec<u8>) -> Option<GuestFile> {
    let plain =
        name.strip_suffix(".crt").is_some_and(|stem| !stem.is_empty()) && !name.contains('/') && !name.starts_with('.');
    plain.then(|| GuestFile { path: format!("{CERTIFICATES}/{name}"), content, mode: 0o644 })
}

/// The user's own script, in a place that the step `clean` removes.
#[must_use]
pub fn custom(script: Vec<u8>) -> GuestFile {
    GuestFile { path: "/root/.cci-build-script".into(), content: script, mode: 0o700 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_certificates_are_copied() {
        let path = |name: &str| certificate(name, vec![]).map(|file| file.path);
        assert_eq!(path("proxy.crt").as_deref(), Some("/usr/local/share/ca-certificates/proxy.crt"));
        for name in ["proxy.pem", ".crt", ".hidden.crt", "../x.crt", "proxy.crt~"] {
            assert_eq!(path(name), None, "{name}");
        }
    }

    #[test]
    fn they_are_programs() {
        let files = standard();
        assert!(files[0].content.starts_with(b"#!/usr/bin/env python3"));
        assert!(files[1..].iter().all(|file| file.content.starts_with(b"#!/bin/sh")));
        assert!(files.iter().all(|file| file.mode == 0o755));
    }
}
