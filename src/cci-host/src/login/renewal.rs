//! Which renewals were cci's own: `~/.cci/logins`.

use std::fs;
use std::path::{Path, PathBuf};

use cci_core::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::{Held, LoginFile};
use crate::hex::hex;
use crate::store::put::{self, PRIVATE};

/// The last renewal of a login by cci.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What identifies the token that came of it, and tells nothing about it.
    digest: String,
}

/// Who renewed a login last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// cci.
    Cci,
    /// The agent on the host, or the login itself.
    Host,
}

impl Renewal {
    /// Notes that cci has renewed the login of a file.
    pub fn note(cci_dir: &Path, file: &LoginFile, access: &str, at: u64) -> Result<()> {
        let path = place(cci_dir, file);
        fs::create_dir_all(cci_dir.join("logins")).map_err(put::host("create", &path))?;
        let text = serde_json::to_vec(&Self { at, digest: digest(access) }).unwrap_or_default();
        put::atomically(&path, &text, PRIVATE)
    }

    /// Who renewed what is in a file now.
    #[must_use]
    pub fn of(cci_dir: &Path, file: &LoginFile, held: &Held) -> Renewed {
        let noted = fs::read(place(cci_dir, file)).ok().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        match noted {
            Some(noted) if noted.digest == digest(&held.credentials.access) => Renewed::Cci,
            _ => Renewed::Host,
        }
    }
}

fn place(cci_dir: &Path, file: &LoginFile) -> PathBuf {
    let name = digest(&file.path().to_string_lossy());
    cci_dir.join("logins").join(format!("{}.json", &name[..16]))
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}
