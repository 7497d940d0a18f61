//! What a transfer of files tells.

use cci_host::store::remark::Remark;

use super::Event;

/// What happens to files on their way.
#[derive(Debug)]
pub enum TransferEvent {
    /// A file was left out, or is worth a word.
    Remark(Remark),
    /// A file changed while tar read it in the container.
    Changed {
        /// The words of that tar.
        words: String,
    },
    /// A name that a container which does not run cannot give.
    NotUtf8 {
        /// The path, with what can be shown of it.
        path: String,
    },
    /// Files that lose their set-id and sticky bits in a container that does not run.
    SpecialBitsLost {
        /// The files.
        files: Vec<SpecialFile>,
    },
}

/// A file with a set-id or sticky bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialFile {
    /// Its path in the container.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
}

impl From<TransferEvent> for Event {
    fn from(event: TransferEvent) -> Self {
        Self::Transfer(event)
    }
}
