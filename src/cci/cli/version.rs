//! `cci version`: two lines, without Incus and without configuration.

use cci_core::Result;

use crate::ui::terminal::Terminal;

/// Prints the name with its version, then where the source is.
pub(crate) fn run() -> Result<()> {
    Terminal::result(&format!(
        "claude-code-isolated (cci) v{}\n{}\n",
        env!("CCI_VERSION"),
        env!("CARGO_PKG_REPOSITORY")
    ))
}
