//! Who issues logins in a test: access tokens that live for seconds, and refresh tokens that are taken once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The code that a person's browser shows who logs in.
pub const CODE: &str = "code-of-the-test";

/// What it has issued and seen.
pub struct Issuer {
    lives: Duration,
    /// How long its answer takes after the old token is spent.
    takes: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each refresh token was posted.
    posted: BTreeMap<String, u32>,
    /// The access tokens, and when each ends.
    access: BTreeMap<String, Instant>,
    /// The refresh token that opens.
    refresh: String,
    /// The tokens that requests were refused with.
    refused: Vec<String>,
    /// How many requests were let in.
    let_in: usize,
}

impl Issuer {
    /// Its access tokens live so long, and its answers take that long.
    pub fn new(lives: Duration, takes: Duration) -> Self {
        let state = State { refresh: "refresh-0".into(), ..State::default() };
        Self { lives, takes, state: Mutex::new(state) }
    }

    /// A first login, as the agent keeps it.
    pub fn login(&self) -> Value {
        let mut state = self.state.lock().unwrap();
        state.access.insert("access-0".into(), Instant::now() + self.lives);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let ends = u64::try_from((now + self.lives).as_millis()).unwrap();
        json!({ "claudeAiOauth": { "accessToken": "access-0", "refreshToken": state.refresh, "expiresAt": ends,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max" } })
    }

    /// Answers to what is posted: whether that is taken, and the document.
    pub fn renews(&self, asked: &Value) -> (bool, Value) {
        let answer = self.state.lock().unwrap().renewed(asked, self.lives);
        wait(self.takes);
        answer
    }

    /// Whether a token opens.
    pub fn opens(&self, bearer: Option<&str>) -> bool {
        let mut state = self.state.lock().unwrap();
        let bearer = bearer.unwrap_or_default();
        let opens = state.access.get(bearer).is_some_and(|ends| *ends > Instant::now());
        if opens {
            state.let_in += 1;
        } else {
            state.refused.push(bearer.to_owned());
        }
        opens
    }

    /// How many refresh tokens were posted, each once; panics if one was posted again.
    #[track_caller]
    pub fn posted_once(&self) -> usize {
        let state = self.state.lock().unwrap();
        assert!(state.posted.values().all(|times| *times == 1), "{:?}", state.posted);
        state.posted.len()
    }

    /// The refresh token that opens.
    pub fn refresh(&self) -> String {
        self.state.lock().unwrap().refresh.clone()
    }

    /// The tokens that requests were refused with.
    pub fn refused(&self) -> Vec<String> {
        self.state.lock().unwrap().refused.clone()
    }

    /// How many requests were let in.
    pub fn let_in(&self) -> usize {
        self.state.lock().unwrap().let_in
    }
}

impl State {
    fn renewed(&mut self, asked: &Value, lives: Duration) -> (bool, Value) {
        let posted = asked["refresh_token"].as_str().unwrap_or_default().to_owned();
        *self.posted.entry(posted.clone()).or_default() += 1;
        let is_renewal = posted == self.refresh && asked["grant_type"] == "refresh_token";
        if !is_renewal && (asked["code"] != CODE || asked["grant_type"] != "authorization_code") {
            return (false, json!({ "error": "invalid_grant" }));
        }
        let number: u32 = self.posted.values().sum();
        let access = format!("access-{number}");
        self.refresh = format!("refresh-{number}");
        self.access.insert(access.clone(), Instant::now() + lives);
        let issued = json!({ "access_token": access, "refresh_token": self.refresh, "expires_in": lives.as_secs(),
            "token_type": "Bearer", "scope": "user:inference user:profile",
            "account": { "uuid": "3f0c4d1e-0000-4000-8000-000000000001", "email_address": "person@example.com" },
            "organization": { "uuid": "3f0c4d1e-0000-4000-8000-000000000002", "name": "example" } });
        (true, issued)
    }
}

#[expect(clippy::disallowed_methods, reason = "an answer that takes its time is what is tested")]
fn wait(takes: Duration) {
    std::thread::sleep(takes);
}
