//! Asks before a verb does what cannot be undone.

use cci_core::{Error, Result};

use crate::ui::terminal::{Answer, Terminal};

/// A question whose answer is no unless the user says yes.
pub(crate) struct Question<'a> {
    /// As it is asked.
    pub(crate) text: &'a str,
    /// What would be done, in the error of a call without a terminal.
    pub(crate) act: &'a str,
    /// The flag that answers yes beforehand.
    pub(crate) flag: &'static str,
}

impl Question<'_> {
    /// Whether the user says yes; an error where nobody can be asked.
    pub(crate) async fn confirmed(&self, terminal: &Terminal) -> Result<bool> {
        match terminal.confirm(self.text).await? {
            Answer::Yes => Ok(true),
            Answer::No => Ok(false),
            Answer::NoTerminal => Err(Error::NotConfirmed { question: self.act.to_owned(), flag: self.flag }),
        }
    }
}
