//! Why a checkpoint is taken, and what is noted with it.

use cci_core::checkpoint::Cause;

/// Why a checkpoint is taken, and what is noted with it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Why.
    pub cause: Cause,
    /// What the person wrote about it.
    pub message: Option<String>,
    /// The first line of the prompt of its turn.
    pub prompt: Option<String>,
}

impl Wanted {
    /// A checkpoint for this reason, with no words of its own.
    #[must_use]
    pub fn because(cause: Cause) -> Self {
        Self { cause, message: None, prompt: None }
    }

    /// Whether it is taken without being asked for: then what was only said makes no checkpoint.
    pub(super) fn is_automatic(&self) -> bool {
        matches!(self.cause, Cause::TurnStart | Cause::TurnEnd | Cause::Interval)
    }
}
