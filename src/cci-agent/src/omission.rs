//! What of the host's configuration does not come into a session as it is, and why.

use std::path::PathBuf;

/// One thing that the person should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Omission {
    /// A file or directory of the host is not copied.
    NotCopied {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: NotCopied,
    },
    /// A file of the host is passed over.
    NotRead {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, with the line where there is one.
        problem: String,
    },
    /// A setting has no effect in a container, where it would hinder the agent.
    NoEffect {
        /// The file that has it.
        file: PathBuf,
        /// Its key.
        key: String,
    },
    /// A setting of the workspace hinders the agent, and it is not cci's to change.
    InTheWay {
        /// The file, in the workspace.
        file: &'static str,
        /// Its key.
        key: String,
    },
    /// A setting names something of the host that the container does not have.
    NamesHost {
        /// The file that has it.
        file: PathBuf,
        /// Its key.
        key: String,
        /// What it names.
        place: PathBuf,
        /// Whether the setting stays behind with it.
        left_out: bool,
    },
    /// A setting names an address that is the host's own and in a container the container's.
    NamesLoopback {
        /// The file that has it.
        file: PathBuf,
        /// Its key.
        key: String,
        /// Whether the setting stays behind with it.
        left_out: bool,
    },
    /// Configuration of the host that is in force for every user of it, and in no container.
    OfHostOnly(PathBuf),
    /// Something in the session that was changed there is as on the host again, or gone as there.
    Undone(PathBuf),
    /// A file of the session that could not be understood was put aside.
    PutAside {
        /// Which.
        path: PathBuf,
        /// Where it is now.
        kept: PathBuf,
    },
    /// A file of the session is left as it is.
    LeftAlone {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// Why something is not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCopied {
    /// It cannot be read.
    Unreadable(String),
    /// It is a link that leads nowhere.
    Dangling,
    /// It is a link to a directory that it is in, or more deeply nested than any configuration.
    Endless,
    /// It is neither a file nor a directory.
    Special,
    /// It is a link to a place that containers never see: this one.
    Closed(PathBuf),
    /// It is more than a session takes.
    TooMuch,
}
