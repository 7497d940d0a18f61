//! A stand-in for the agent on the host: it asks its API, and renews its login under the locks that all of them take.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// How old a lock is whose holder has died.
const STALE: Duration = Duration::from_secs(60);
/// How long it waits for a lock: longer than that of a holder who has died counts.
const PATIENCE: Duration = Duration::from_secs(90);

/// The agent of one user.
pub struct HostAgent {
    /// The directory of its login.
    pub directory: PathBuf,
    /// Where its API is, which renews logins as well.
    pub url: String,
    /// Whose the files are.
    pub owner: (u32, u32),
    /// How long before its end it renews an access token.
    pub early: Duration,
}

impl HostAgent {
    /// Asks once, with a login that is renewed first if it is time; the status of the answer.
    pub fn asks(&self) -> u16 {
        let mut login = self.login();
        if self.is_due(&login) {
            self.renew();
            login = self.login();
        }
        let access = login["claudeAiOauth"]["accessToken"].as_str().unwrap_or_default().to_owned();
        self.post("/v1/messages", Some(&access), &json!({ "messages": [] })).0
    }

    fn file(&self) -> PathBuf {
        self.directory.join(".credentials.json")
    }

    fn login(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    fn is_due(&self, login: &Value) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + self.early;
        u128::from(login["claudeAiOauth"]["expiresAt"].as_u64().unwrap()) <= now.as_millis()
    }

    fn renew(&self) {
        let mut second = self.directory.canonicalize().unwrap().into_os_string();
        second.push(".lock");
        let first = self.lock(self.directory.join(".oauth_refresh.lock"));
        let second = self.lock(second.into());
        // whoever had the lock before may have renewed it
        let mut login = self.login();
        if self.is_due(&login) {
            let asked =
                json!({ "grant_type": "refresh_token", "refresh_token": login["claudeAiOauth"]["refreshToken"] });
            let (status, said) = self.post("/v1/oauth/token", None, &asked);
            assert_eq!(status, 200, "{said}");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let ends = now + Duration::from_secs(said["expires_in"].as_u64().unwrap());
            let account = &mut login["claudeAiOauth"];
            account["accessToken"] = said["access_token"].clone();
            account["refreshToken"] = said["refresh_token"].clone();
            account["expiresAt"] = json!(u64::try_from(ends.as_millis()).unwrap());
            let beside = self.directory.join(".credentials.json.tmp");
            fs::write(&beside, login.to_string()).unwrap();
            self.owned(&beside);
            fs::rename(beside, self.file()).unwrap();
        }
        fs::remove_dir(second).unwrap();
        fs::remove_dir(first).unwrap();
    }

    fn lock(&self, path: PathBuf) -> PathBuf {
        let taken = || match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_stale(&path);
                Err(error.to_string())
            }
            made => {
                made.unwrap();
                Ok(())
            }
        };
        super::wait::until("the lock is free", PATIENCE, taken);
        self.owned(&path);
        path
    }

    fn owned(&self, path: &Path) {
        std::os::unix::fs::chown(path, Some(self.owner.0), Some(self.owner.1)).unwrap();
    }

    fn post(&self, path: &str, bearer: Option<&str>, body: &Value) -> (u16, Value) {
        let address = self.url.strip_prefix("http://").unwrap();
        let (mut stream, body) = (TcpStream::connect(address).unwrap(), body.to_string());
        let bearer = bearer.map(|bearer| format!("authorization: Bearer {bearer}\r\n")).unwrap_or_default();
        let head = format!("POST {path} HTTP/1.1\r\n{bearer}content-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

/// Removes a lock whose holder has died: whoever has the first of two waits for nobody at the second.
fn remove_stale(path: &Path) {
    let is_stale = |path: &Path| {
        let written = fs::symlink_metadata(path).and_then(|there| there.modified());
        written.is_ok_and(|at| at.elapsed().unwrap_or_default() > STALE)
    };
    let aside = path.with_extension("aside");
    if !is_stale(path) || fs::rename(path, &aside).is_err() {
        return;
    }
    if is_stale(&aside) {
        fs::remove_dir_all(aside).unwrap();
    } else {
        // somebody has taken it over between the two, and holds it
        fs::rename(aside, path).unwrap();
    }
}
