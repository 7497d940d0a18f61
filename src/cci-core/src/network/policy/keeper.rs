//! Who keeps the doors of a policy that is enforced by name.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
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

    /// Where its supervisor hears of names that a policy's name server does not know: an address of this host's own, at which
    /// nobody else is likely to listen.
    #[must_use]
    pub fn names_door(&self) -> SocketAddr {
        const PORT: u16 = 28_053;
        let hash = Sha256::digest(self.to_string());
        let address = Ipv4Addr::new(127, 64 | hash[0] >> 2, hash[1], hash[2]);
        SocketAddr::from((address, PORT))
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
            assert_ne!(other.names_door(), own.names_door());
        }
        assert!(own.names_door().ip().is_loopback());
        for wrong in ["", "1000", "1000-", "1000-xyz", "1000-1", "+1-00000000", "1000-0000000A"] {
            assert_eq!(wrong.parse::<Keeper>(), Err(()), "{wrong}");
        }
    }
}
