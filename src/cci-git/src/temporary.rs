//! The names of the files that a restore has not finished: nobody without the store's secret can make one up, so that none of them
//! hides a file from a capture.

use std::path::Path;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Result, at};
use crate::file_once::write_new;
use crate::hash::Hashing;

/// How such a name begins.
const PREFIX: &str = ".cci-restoring-";

/// How many bytes of chance are in a name, and how many digits of proof.
const CHANCE: usize = 8;
const PROOF: usize = 24;

/// What makes and recognises the names.
pub(crate) struct Temporary {
    secret: Vec<u8>,
}

impl Temporary {
    /// Reads the secret from a file, which is made if it is missing.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(secret) if secret.len() >= 2 * CHANCE => Ok(Self { secret }),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at("read", path)(error)),
            _ => {
                let secret = chance::<{ 4 * CHANCE }>(path)?.to_vec();
                write_new(path, &secret)?;
                Ok(Self { secret })
            }
        }
    }

    /// A name that nobody has used.
    pub(crate) fn name(&self) -> Result<String> {
        let chance = format!("{:016x}", u64::from_le_bytes(chance::<CHANCE>(Path::new(PREFIX))?));
        let proof = self.proof(chance.as_bytes())?;
        Ok(format!("{PREFIX}{chance}-{proof}"))
    }

    /// Whether a file of this name is one that a restore left behind.
    pub(crate) fn is_ours(&self, name: &[u8]) -> bool {
        let Some(rest) = name.strip_prefix(PREFIX.as_bytes()) else { return false };
        let Some((chance, proof)) = rest.split_at_checked(2 * CHANCE) else { return false };
        self.proof(chance).is_ok_and(|expected| proof.strip_prefix(b"-") == Some(expected.as_bytes()))
    }

    /// What follows from the secret and a name's chance.
    fn proof(&self, chance: &[u8]) -> Result<String> {
        let mut hashing = Hashing::plain();
        hashing.update(&self.secret);
        hashing.update(chance);
        hashing.update(&self.secret);
        Ok(hashing.finish()?.to_string()[..PROOF].to_owned())
    }
}

/// Bytes that nobody can guess.
fn chance<const N: usize>(path: &Path) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom(&mut bytes, GetRandomFlags::empty()).map_err(at("find chance for", path))?;
    Ok(bytes)
}
