//! What watches a container for its checkpoints: a shell in it that finds out whether anything has changed, and that
//! makes every process stand still for a moment.
//!
//! Incus's own pause is not used for that: on a host with cgroup v1 it never ends where processes fork, and Incus then
//! neither continues nor stops the container. Signals cannot hang. Parents are stopped before their children and
//! continued after them, so that no shell sees one of its jobs stopped, and what somebody else has stopped stays so.

use std::fmt::Write as _;

const WATCH: &str = include_str!("standstill/watch.bash");

/// What a watch is told: lines of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Finds out whether anything has changed since this moment, in microseconds of the container's clock.
    Changed {
        /// The moment.
        since_micros: i64,
        /// What the root file system was then, if it was said.
        state: Option<RootState>,
    },
    /// Makes everything stand still until the next line, but not for longer than the watch allows.
    Still,
    /// The same in a container that ends next: what its root file system is is not found out.
    Halt,
    /// Ends that.
    GoOn,
}

/// What a root file system of btrfs is at a moment: any change of it changes this word. It says nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootState(String);

/// What a watch says: lines of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It reads its input.
    Ready,
    /// Something has changed.
    Changed,
    /// Nothing has.
    Same {
        /// What the root file system is, if that can be said.
        state: Option<RootState>,
    },
    /// Everything has been standing still since this moment, in microseconds of the container's clock.
    Still {
        /// The moment.
        at_micros: i64,
    },
    /// Everything goes on, and stood still until it was told to.
    Held {
        /// What the root file system was until then, if that can be said.
        state: Option<RootState>,
    },
    /// Everything goes on, and did so before it was told to.
    Late,
}

/// The longest line that a watch says.
pub const LONGEST: usize = 80;

/// The command that watches a container, as root; nothing in it stands still for longer than `limit_seconds`.
#[must_use]
pub fn watch(limit_seconds: u32) -> Vec<String> {
    ["bash", "-c", WATCH, "cci", &limit_seconds.to_string()].map(str::to_owned).to_vec()
}

impl Order {
    /// As a line.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Changed { since_micros, state } => {
                let state = state.as_ref().map_or("", |RootState(state)| state);
                format!("changed @{} {state}\n", seconds(*since_micros))
            }
            Self::Still => "still\n".to_owned(),
            Self::Halt => "halt\n".to_owned(),
            Self::GoOn => "go\n".to_owned(),
        }
    }
}

impl Word {
    /// Reads a line; `None` for anything that no watch says.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        match line {
            "ready" => Some(Self::Ready),
            "changed" => Some(Self::Changed),
            "same" => Some(Self::Same { state: None }),
            "held" => Some(Self::Held { state: None }),
            "late" => Some(Self::Late),
            words => match words.split_once(' ') {
                Some(("same", state)) => RootState::parse(state).map(|state| Self::Same { state: Some(state) }),
                Some(("held", state)) => RootState::parse(state).map(|state| Self::Held { state: Some(state) }),
                Some(_) => None,
                None => micros(words).map(|at_micros| Self::Still { at_micros }),
            },
        }
    }
}

impl RootState {
    /// Reads one; `None` for what no watch says.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_state = text.len() <= 60 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        (is_state && !text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// As it was said.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Seconds with six decimals, as `find` reads them.
fn seconds(micros: i64) -> String {
    let mut text = String::new();
    // a text takes whatever is written to it
    let _ = write!(text, "{}.{:06}", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    text
}

/// The other way round; the decimal sign is that of the container's language.
fn micros(text: &str) -> Option<i64> {
    let (seconds, decimals) = text.split_once(['.', ','])?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if decimals.len() != 6 || !digits(seconds) || !digits(decimals) {
        return None;
    }
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(decimals.parse().ok()?)
}

#[cfg(test)]
mod tests;
