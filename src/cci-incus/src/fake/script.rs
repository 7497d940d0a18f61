//! What a command answers with.

/// What a command prints and ends with.
///
/// cci's own commands say with a `.` that they begin, and wait for an answer: it is taken and thrown away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it prints.
    pub stdout: Vec<u8>,
    /// What it prints as errors.
    pub stderr: Vec<u8>,
    /// Its exit status.
    pub status: u8,
}
