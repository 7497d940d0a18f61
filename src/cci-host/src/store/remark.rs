//! Remarks about files that were packed or unpacked.

/// Something that the user should know about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// It was left out.
    LeftOut {
        /// Its path, as it may be shown.
        path: String,
        /// Why.
        why: LeftOut,
    },
    /// It came out of the container with a set-id bit.
    SetIdBit {
        /// Its path, as it may be shown.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
}

/// Why a file is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It is a device, a socket or a pipe.
    Special,
    /// It is a link that leads out of the tree.
    LinksOut,
}
