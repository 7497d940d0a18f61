//! The ten slots a workspace has for parallel sessions, and which of them a launch takes.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use crate::lifetime::Lifetime;

/// One of the places a workspace has for parallel sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(NonZeroU8);

impl Slot {
    /// How many slots there are.
    pub const MAX: u8 = 10;
    /// The lowest slot.
    pub const FIRST: Self = Self(NonZeroU8::MIN);

    /// The slot of this number, 1 to [`Slot::MAX`].
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        NonZeroU8::new(number).filter(|n| n.get() <= Self::MAX).map(Self)
    }

    /// Every slot, lowest first: the order in which free ones are tried.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=Self::MAX).filter_map(Self::new)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for Slot {
    type Err = SlotError;

    fn from_str(raw: &str) -> Result<Self, SlotError> {
        let number: u8 = raw.parse().map_err(|_| SlotError(raw.to_owned()))?;
        // one spelling per slot, so that a name that parses prints back the same
        Self::new(number).filter(|slot| slot.to_string() == raw).ok_or_else(|| SlotError(raw.to_owned()))
    }
}

/// A slot number out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slot '{0}' is not a number from 1 to {max}", max = Slot::MAX)]
pub struct SlotError(String);

/// Which slot the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotChoice {
    /// Whichever is free.
    Auto,
    /// This one, or the next free above it.
    Exactly(Slot),
    /// This one if it is available, else whichever is free: the slot a resumed session had.
    Preferably(Slot),
}

/// What occupies a slot, according to Incus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// No instance.
    Free,
    /// A running instance, somebody's session.
    Running,
    /// A stopped persistent instance of this user, to be started again.
    StoppedPersistent,
    /// A stopped ephemeral instance of this user, left by a crash.
    Leftover,
}

/// What a launch does with the slot it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// Creates the instance; the create is the claim.
    Create,
    /// Removes what a crash left, then creates.
    Replace,
    /// Starts the stopped persistent instance.
    Reuse,
}

/// The slots a launch may take, best first. A launch that loses one to another continues with the next.
#[must_use]
pub fn candidates(choice: SlotChoice, lifetime: Lifetime, state: impl Fn(Slot) -> SlotState) -> Vec<(Slot, Taking)> {
    let fresh = |slot: Slot| match state(slot) {
        SlotState::Free => Some((slot, Taking::Create)),
        SlotState::Leftover => Some((slot, Taking::Replace)),
        SlotState::Running | SlotState::StoppedPersistent => None,
    };
    let reuse = |slot: Slot| (state(slot) == SlotState::StoppedPersistent).then_some((slot, Taking::Reuse));
    let any = || -> Vec<(Slot, Taking)> {
        let kept = Slot::all().filter(|_| lifetime.is_persistent()).filter_map(reuse);
        kept.chain(Slot::all().filter_map(fresh)).collect()
    };
    let this = |wanted: Slot| reuse(wanted).or_else(|| fresh(wanted));
    match choice {
        SlotChoice::Auto => any(),
        SlotChoice::Exactly(wanted) => {
            this(wanted).into_iter().chain(Slot::all().filter(|slot| *slot > wanted).filter_map(fresh)).collect()
        }
        SlotChoice::Preferably(wanted) => {
            this(wanted).into_iter().chain(any().into_iter().filter(|(slot, _)| *slot != wanted)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(states: &'static [SlotState]) -> impl Fn(Slot) -> SlotState {
        |slot| states.get(usize::from(slot.number()) - 1).copied().unwrap_or(SlotState::Free)
    }

    fn first(choice: SlotChoice, lifetime: Lifetime, states: &'static [SlotState]) -> Option<(u8, Taking)> {
        candidates(choice, lifetime, numbered(states)).first().map(|(slot, taking)| (slot.number(), *taking))
    }

    #[test]
    fn the_table_of_the_contract() {
        use SlotState::{Free, Leftover, Running, StoppedPersistent};
        use Taking::{Create, Replace, Reuse};
        let two = SlotChoice::Exactly(Slot::new(2).unwrap());
        let auto = SlotChoice::Auto;
        let (short, kept) = (Lifetime::Ephemeral, Lifetime::Persistent);
        assert_eq!(first(auto, short, &[Running, Free]), Some((2, Create)));
        assert_eq!(first(auto, short, &[Leftover]), Some((1, Replace)));
        assert_eq!(first(auto, short, &[StoppedPersistent]), Some((2, Create)));
        assert_eq!(first(auto, kept, &[Free, StoppedPersistent]), Some((2, Reuse)));
        assert_eq!(first(auto, kept, &[Running]), Some((2, Create)));
        assert_eq!(first(two, short, &[Free, StoppedPersistent]), Some((2, Reuse)));
        assert_eq!(first(two, short, &[Free, Running]), Some((3, Create)));
        assert_eq!(first(two, short, &[Free, Free]), Some((2, Create)));
        assert_eq!(first(auto, short, &[Running; 10]), None);
        let own = SlotChoice::Preferably(Slot::new(2).unwrap());
        assert_eq!(first(own, short, &[Free, Free]), Some((2, Create)));
        assert_eq!(first(own, kept, &[StoppedPersistent, StoppedPersistent]), Some((2, Reuse)));
        assert_eq!(first(own, short, &[Free, Running]), Some((1, Create)));
    }

    #[test]
    fn a_slot_has_one_spelling_and_a_range() {
        assert_eq!("10".parse::<Slot>().unwrap().number(), 10);
        for raw in ["0", "11", "01", "+1", "-1", "x", "", "256"] {
            assert!(raw.parse::<Slot>().is_err(), "{raw}");
        }
    }
}
