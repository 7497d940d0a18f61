//! What of the host's configuration a session does not get as it is on the host, and why.

use std::path::PathBuf;

/// One thing that the user should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Omission {
    /// A file or directory of the host is not copied.
    NotCopied {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: NotCopied,
    },
    /// A file that should have been read is ignored.
    NotRead {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, with the line where there is one.
        problem: String,
    },
    /// A setting has no effect in a container, because it would keep the agent from working there.
    NoEffect {
        /// The file that has it.
        file: PathBuf,
        /// Its key.
        key: String,
    },
    /// A setting of the workspace keeps the agent from working, and cci does not change the workspace.
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
        /// Whether the setting itself is left out.
        left_out: bool,
    },
    /// A setting names a loopback address, which in a container is the container's own.
    NamesLoopback {
        /// The file that has it.
        file: PathBuf,
        /// Its key.
        key: String,
        /// Whether the setting itself is left out.
        left_out: bool,
    },
    /// A setting runs a program that the image may not have.
    NeedsProgram {
        /// The file that has it.
        file: PathBuf,
        /// Its key.
        key: String,
        /// The program.
        program: String,
        /// Whether the setting stays behind.
        left_out: bool,
    },
    /// Something in the agent's directory on the host that nothing names which comes along.
    NotNamed(PathBuf),
    /// Configuration of the host that is in force for every user of it, and in no container.
    OfHostOnly(PathBuf),
    /// A copy that was changed in the session is as on the host again, or removed as it was there.
    Undone(PathBuf),
    /// A file of the session that could not be parsed was moved aside.
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
    /// It is no directory.
    NoDirectory,
    /// A link in a directory that a container writes leads out of it to here.
    LedTo(PathBuf),
    /// It is a link to a place that containers never see: this one.
    Closed(PathBuf),
    /// It is more than a session takes.
    TooMuch,
}
