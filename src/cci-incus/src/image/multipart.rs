//! Several files in one body, the format of split images.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

/// The line between the parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boundary(String);

impl Boundary {
    /// One that no file contains by accident.
    pub(super) fn random() -> Self {
        let word = || RandomState::new().build_hasher().finish();
        Self(format!("cci-{:016x}{:016x}", word(), word()))
    }

    /// The boundary of a content type.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        let named = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
        kind.trim().starts_with("multipart/").then(|| Self(named.trim_matches('"').to_owned()))
    }

    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The bytes that end a file, and begin the next one or the end.
    pub(super) fn delimiter(&self) -> Vec<u8> {
        format!("\r\n--{}", self.0).into_bytes()
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.0)
    }

    /// The bytes before the first file.
    pub(super) fn begin(&self, part: &str) -> String {
        format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{part}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.0
        )
    }

    /// The bytes between two files.
    pub(super) fn next(&self, part: &str) -> String {
        format!("\r\n{}", self.begin(part))
    }

    /// The bytes after the last file.
    pub(super) fn end(&self) -> String {
        format!("\r\n--{}--\r\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_framed_as_a_form() {
        let boundary = Boundary("b".into());
        let body =
            [boundary.begin("metadata"), "1".into(), boundary.next("rootfs"), "2".into(), boundary.end()].concat();
        assert_eq!(
            body,
            "--b\r\nContent-Disposition: form-data; name=\"metadata\"; filename=\"metadata\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n1\r\n\
             --b\r\nContent-Disposition: form-data; name=\"rootfs\"; filename=\"rootfs\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n2\r\n--b--\r\n"
        );
    }

    #[test]
    fn a_boundary_is_read_back_from_its_content_type() {
        let boundary = Boundary::random();
        assert_eq!(Boundary::of(&boundary.content_type()), Some(boundary));
        assert_eq!(Boundary::of("application/octet-stream"), None);
    }
}
