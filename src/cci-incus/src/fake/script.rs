//! Scripted answers to commands.

/// A command's output and exit status.
///
/// cci's own commands print a `.` when they begin, and wait for an answer: it is read and discarded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its stdout.
    pub stdout: Vec<u8>,
    /// Its stderr.
    pub stderr: Vec<u8>,
    /// Its exit status.
    pub status: u8,
}
