//! An instance whose root file system another one gets, and nothing else of it.

use cci_incus::{Instance, Source};

/// What is copied, and what the copy is to replace of it.
#[derive(Debug, Clone)]
pub struct Original {
    /// The instance, as Incus has it.
    pub(crate) instance: Instance,
    /// The profiles of the copy.
    pub(crate) profiles: Vec<String>,
}

impl Original {
    /// As the source of a new instance, which may be in another project; whoever copies a running one sees to it that
    /// nothing in it moves.
    pub(crate) fn source(&self) -> Source {
        Source::Copy {
            instance: self.instance.name.clone(),
            project: Some(self.instance.project.clone()),
            instance_only: true,
            allow_inconsistent: true,
        }
    }

    /// The keys that Incus would copy, but for what it notes of the image.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = &str> {
        self.instance.config.keys().map(String::as_str).filter(|key| !is_kept(key))
    }
}

/// Whether a key is Incus's own: about the image or the instance's present state.
pub(crate) fn is_kept(key: &str) -> bool {
    key.starts_with("volatile.") || key.starts_with("image.")
}
