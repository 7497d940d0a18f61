//! Who keeps the doors of a policy that is enforced by name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A user's supervisor: of each `~/.cci` there is one, and no two of them can listen at one door.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keeper {
    uid: u32,
    place: [u8; 4],
}

impl Keeper {
    /// The one of this user and this `~/.cci`.
    #[must_use]
    pub fn of(uid: u32, cci_dir: &Path) -> Self {
        let hash = Sha256::digest(cci_dir.as_os_str().as_encoded_bytes());
        Self { uid, place: [hash[0], hash[1], hash[2], hash[3]] }
    }
}

impl fmt::Display for Keeper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{:08x}", self.uid, u32::from_be_bytes(self.place))
    }
}

impl FromStr for Keeper {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let (uid, place) = raw.split_once('-').ok_or(())?;
        let place = u32::from_str_radix(place, 16).map_err(|_| ())?.to_be_bytes();
        let keeper = Self { uid: uid.parse().map_err(|_| ())?, place };
        if keeper.to_string() == raw { Ok(keeper) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_and_each_directory_has_its_own() {
        let own = Keeper::of(1000, Path::new("/home/u/.cci"));
        assert_eq!(own.to_string().parse(), Ok(own.clone()));
        for other in [Keeper::of(1001, Path::new("/home/u/.cci")), Keeper::of(1000, Path::new("/home/v/.cci"))] {
            assert_ne!(other, own);
        }
        for wrong in ["", "1000", "1000-", "1000-xyz", "1000-1", "+1-00000000", "1000-0000000A"] {
            assert_eq!(wrong.parse::<Keeper>(), Err(()), "{wrong}");
        }
    }
}
