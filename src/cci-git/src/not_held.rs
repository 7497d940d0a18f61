//! What a snapshot does not hold, and why.

use std::path::PathBuf;

/// Something in the workspace that is not in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotHeld {
    /// Where, from the top of the workspace.
    pub path: PathBuf,
    /// Why not.
    pub why: Why,
}

/// Why something is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// A file above the limit.
    TooLarge,
    /// A file or directory that the caller may not read.
    Unreadable,
    /// Neither file, directory nor link.
    Special(Special),
    /// A file that never stayed the same while it was read, or something that kept being replaced.
    Changing,
    /// Another file system begins there.
    Mount,
    /// A file made to have another content's SHA-1.
    Forged,
}

/// What is neither file, directory nor link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Special {
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl Why {
    const ALL: [Self; 8] = [
        Self::TooLarge,
        Self::Unreadable,
        Self::Special(Special::Fifo),
        Self::Special(Special::Socket),
        Self::Special(Special::Device),
        Self::Changing,
        Self::Mount,
        Self::Forged,
    ];

    /// The word in a stat record.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "large",
            Self::Unreadable => "unreadable",
            Self::Special(Special::Fifo) => "fifo",
            Self::Special(Special::Socket) => "socket",
            Self::Special(Special::Device) => "device",
            Self::Changing => "changing",
            Self::Mount => "mount",
            Self::Forged => "forged",
        }
    }

    /// What a word in a stat record says.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.word() == word)
    }

    /// As one byte.
    pub(crate) fn code(self) -> u8 {
        Self::ALL.iter().position(|why| *why == self).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// What one byte says.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}
