//! The events of a file transfer.

use cci_host::store::remark::Remark;

use super::Event;

/// What happens to files during a transfer.
#[derive(Debug)]
pub enum TransferEvent {
    /// A file was left out, or deserves a remark.
    Remark(Remark),
    /// A file changed while tar read it in the container.
    Changed {
        /// The words of that tar.
        words: String,
    },
    /// A name that cannot be read from a stopped container.
    NotUtf8 {
        /// The path, as far as it can be shown.
        path: String,
    },
    /// Files that lose their set-id and sticky bits in a stopped container.
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
