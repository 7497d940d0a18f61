//! What cci knows of the renewals of a login: which were its own, and which token the server has refused. It is in
//! `~/.cci/logins`, where no token is.

use std::io::{self, Read};
use std::path::Path;

use cci_core::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::{Found, Held, LoginFile};
use super::times::now;
use crate::hex::hex;
use crate::store::directory::Directory;
use crate::store::put::{self, PRIVATE};

/// Where these notes are in `~/.cci`.
const PLACE: &str = "logins";
/// No note is longer.
const LARGEST: u64 = 4096;

/// What is noted of a login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Renewal {
    /// When cci has renewed it last, in milliseconds since 1970.
    pub at: u64,
    /// What identifies the token that came of it, and tells nothing about it.
    digest: String,
    /// The same of the refresh token that the server has refused.
    refused: String,
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
        Self { at, digest: digest(access), refused: String::new() }.keep(cci_dir, file)
    }

    /// Notes that the server has refused the refresh token of a file: it is not sent again.
    pub fn note_refusal(cci_dir: &Path, file: &LoginFile, refresh: &str) -> Result<()> {
        Self { refused: digest(refresh), ..Self::read(cci_dir, file) }.keep(cci_dir, file)
    }

    /// Who renewed what is in a file now.
    #[must_use]
    pub fn of(cci_dir: &Path, file: &LoginFile, held: &Held) -> Renewed {
        let is_own = Self::read(cci_dir, file).digest == digest(&held.credentials.access);
        if is_own { Renewed::Cci } else { Renewed::Host }
    }

    /// Whether the server has refused what would renew the login that is in a file now.
    #[must_use]
    pub fn is_refused(cci_dir: &Path, file: &LoginFile, held: &Held) -> bool {
        let refresh = &held.credentials.refresh;
        !refresh.is_empty() && Self::read(cci_dir, file).refused == digest(refresh)
    }

    /// Reads a login. One has ended whose token has, where the server has refused to renew it.
    #[must_use]
    pub fn found(cci_dir: &Path, file: &LoginFile) -> Found {
        match file.read() {
            Found::Login(held)
                if held.credentials.expires.is_some_and(|expires| expires <= now())
                    && Self::is_refused(cci_dir, file, &held) =>
            {
                Found::Ended(held.content)
            }
            found => found,
        }
    }

    fn keep(&self, cci_dir: &Path, file: &LoginFile) -> Result<()> {
        let name = name(file);
        let shown = cci_dir.join(PLACE).join(&name);
        let directory = Directory::made(cci_dir, Path::new(PLACE)).map_err(put::host("create", &shown))?;
        let text = serde_json::to_vec(self).map_err(|error| put::host("write", &shown)(error.into()))?;
        put::atomically(&directory.path().join(name), &text, PRIVATE)
    }

    /// What cannot be read says nothing.
    fn read(cci_dir: &Path, file: &LoginFile) -> Self {
        let read = || -> io::Result<Self> {
            let mut text = Vec::new();
            let note = Directory::kept(cci_dir, Path::new(PLACE))?.open(&name(file))?;
            note.take(LARGEST).read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        };
        read().unwrap_or_default()
    }
}

fn name(file: &LoginFile) -> String {
    format!("{}.json", &digest(&file.path().to_string_lossy())[..16])
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use cci_agent::Credentials;
    use serde_json::json;

    use super::*;

    fn held(access: &str, refresh: &str) -> Held {
        let credentials = Credentials { access: access.into(), refresh: refresh.into(), ..Credentials::default() };
        Held { content: json!({}), credentials, written: 0 }
    }

    #[test]
    fn what_the_server_has_refused_is_remembered_until_there_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let file = LoginFile::at(dir.path().join("agent"), cci_agent::default_agent().login().unwrap());
        let is_refused = |refresh: &str| Renewal::is_refused(dir.path(), &file, &held("a", refresh));
        assert!(!is_refused("r") && !is_refused(""));
        Renewal::note(dir.path(), &file, "a", 7).unwrap();
        Renewal::note_refusal(dir.path(), &file, "r").unwrap();
        assert!(is_refused("r") && !is_refused("s") && !is_refused(""));
        assert_eq!(Renewal::of(dir.path(), &file, &held("a", "r")), Renewed::Cci, "the rest stays noted");
        std::fs::create_dir(file.directory()).unwrap();
        let put = |refresh: &str, expires: u64| {
            let key = format!("{}AiOauth", cci_agent::default_agent().name());
            let login = json!({ key: { "accessToken": "a", "refreshToken": refresh, "expiresAt": expires } });
            std::fs::write(file.path(), login.to_string()).unwrap();
            matches!(Renewal::found(dir.path(), &file), Found::Ended(_))
        };
        assert!(put("r", 5) && !put("r", 4_000_000_000_000) && !put("s", 5), "as long as its token opens it is one");
        Renewal::note(dir.path(), &file, "b", 8).unwrap();
        assert!(!is_refused("r"));
        let note = dir.path().join(PLACE).join(name(&file));
        assert!(!std::fs::read_to_string(note).unwrap().contains("\"b\""), "no token is in it");
    }
}
