//! The caller's umask, which the agent and its commands inherit: what is shared with a group stays shared.

/// The permissions that new files do not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Umask(u32);

impl Default for Umask {
    fn default() -> Self {
        Self(0o022)
    }
}

impl Umask {
    /// Reads it from a process's status file as the kernel shows it; the default if it is missing.
    ///
    /// ```
    /// use cci_guest::umask::Umask;
    ///
    /// assert_eq!(Umask::of_process("Name:\tcci\nUmask:\t0002\n").line(), "umask 0002; ");
    /// assert_eq!(Umask::of_process(""), Umask::default());
    /// ```
    #[must_use]
    pub fn of_process(status: &str) -> Self {
        let value = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        let mask = value.and_then(|value| u32::from_str_radix(value.trim(), 8).ok());
        mask.filter(|mask| *mask <= 0o777).map_or_else(Self::default, Self)
    }

    /// The line of a shell that sets it.
    #[must_use]
    pub fn line(self) -> String {
        format!("umask {:04o}; ", self.0)
    }
}
