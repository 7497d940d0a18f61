//! A path in a container, in its one spelling.

use std::path::{Component, Path};

use super::MountError;

/// A container path in its one spelling: absolute, without `.`, `..`, doubled or trailing slashes.
pub fn container_path(raw: &str) -> Result<String, MountError> {
    let wrong = || MountError::ContainerPath(raw.to_owned());
    if !raw.starts_with('/') || raw.chars().any(char::is_control) {
        return Err(wrong());
    }
    let mut path = String::new();
    for part in Path::new(raw).components() {
        match part {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                path.push('/');
                path.push_str(name.to_str().ok_or_else(wrong)?);
            }
            Component::ParentDir | Component::Prefix(_) => return Err(wrong()),
        }
    }
    Ok(if path.is_empty() { "/".to_owned() } else { path })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_container_path_has_one_spelling(raw in "(/[a-z.]{0,3}){0,5}/?") {
            if let Ok(path) = container_path(&raw) {
                prop_assert_eq!(container_path(&path), Ok(path.clone()));
                prop_assert!(path == "/" || !path.ends_with('/'));
            }
        }
    }
}
