//! How an agent is logged in: where its login is on the host, how it is renewed, and how a container does without it.

use std::fmt::{self, Debug};

use serde_json::Value;

use crate::provider::{Provided, Provider, Unfit};

/// The login of an agent.
pub trait Login: Debug + Sync {
    /// The variable that names the directory of the login on the host; without it, it is where the configuration is.
    fn place_variable(&self) -> &'static str;

    /// The file of the login in that directory.
    fn file(&self) -> &'static str;

    /// What the agent locks while it renews its login.
    fn locks(&self) -> Locks;

    /// The variables by which the agent sends its requests to a socket, with a placeholder for what lets them in, which is
    /// of this kind.
    fn socket_environment(&self, socket: &str, pass: Pass) -> Vec<(&'static str, String)>;

    /// The provider that a person has chosen for the agent by variables or by its settings, and where its API is.
    fn provided(
        &self,
        said: &dyn Fn(&str) -> Option<String>,
        settings: &Value,
    ) -> Result<Option<(String, Provided)>, Unfit>;

    /// The variables by which the agent sends a provider's requests to a socket.
    fn provided_environment(&self, socket: &str, provided: &Provided) -> Vec<(String, String)>;

    /// Whether a session may ask a provider for this.
    fn may_ask_provider(&self, provider: &Provider, method: &str, path: &str) -> bool;

    /// The variables by which it finds a login in a directory of its own.
    fn directory_environment(&self, directory: &str) -> Vec<(&'static str, String)>;

    /// The variables with which a person says how the agent is let in, or where.
    fn variables(&self) -> &'static [&'static str];

    /// The variables that have an access token.
    fn token_variables(&self) -> &'static [&'static str];

    /// The command by which a person logs in, at a terminal and with a browser anywhere.
    fn sign_in(&self) -> &'static [&'static str];

    /// The file of an account that is let in by this; `None` if it cannot be.
    fn account(&self, by: By<'_>) -> Option<Value>;

    /// The file of the configuration that can have such variables too, and those that it has.
    fn variables_of(&self, settings: &Value) -> Vec<String>;

    /// Whether a variable, or a setting, is a key or a token, or prints one.
    fn opens(&self, variable: &str) -> bool;

    /// Whether a variable with this value is one of them: an empty one, or a switch that is off, says nothing.
    fn lets_in(&self, variable: &str, value: &str) -> bool {
        self.variables().contains(&variable) && !["", "0", "false"].contains(&value)
    }

    /// That file's name.
    fn settings(&self) -> &'static str;

    /// What stands in a request in the place of the access token.
    fn placeholder(&self) -> &'static str;

    /// The name by which the agent calls the socket.
    fn host(&self) -> &'static str;

    /// The variable of the host that names another API, and the usual one.
    fn api(&self) -> (&'static str, &'static str);

    /// Where a login is renewed.
    fn renewed_at(&self) -> &'static str;

    /// Whether a session may ask the API for this: what it needs to work, and nothing that hands out further logins.
    fn may_ask(&self, method: &str, path: &str) -> bool;

    /// Reads a login; `None` if it has another form.
    fn read(&self, file: &Value) -> Option<Credentials>;

    /// What is posted to renew a login.
    fn renewal(&self, file: &Value, credentials: &Credentials) -> Value;

    /// Puts what came of that into the file's content; `now` in milliseconds since 1970. `None` if it is none.
    fn renewed(&self, file: &Value, answer: &Value, now: u64) -> Option<Value>;

    /// The file with the login as it was in `before`, where the agent has blanked that very login since; `None` if it is
    /// another, or not blank.
    fn restored(&self, file: &Value, before: &Value) -> Option<Value>;

    /// The servers of which the same file has logins.
    fn others(&self, file: &Value) -> Vec<String>;

    /// The same login without what renews it.
    fn access_only(&self, file: &Value) -> Value;

    /// A refusal as the API words it.
    fn refusal(&self, kind: Refusal, message: &str) -> Value;

    /// What a part of an answer tells of its cost, or the whole of one that comes at once; `None` if it is neither.
    fn cost(&self, part: &[u8]) -> Option<Cost>;

    /// Whether what is asked for at this path takes tokens.
    fn takes_tokens(&self, path: &str) -> bool;

    /// How many tokens the answer to a request may have; `None` if the request does not say.
    fn may_write(&self, asked: &[u8]) -> Option<u64>;
}

/// What an agent locks: directories, made to lock and removed to unlock.
#[derive(Debug, Clone, Copy)]
pub struct Locks {
    /// The first, in the directory of the login.
    pub first: &'static str,
    /// The file beside it that says who has it.
    pub owner: &'static str,
    /// The second: the name of the directory itself, followed by this.
    pub second: &'static str,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no login that opens anything.
    NoLogin,
    /// It is not allowed.
    Forbidden,
    /// It comes too soon.
    TooSoon,
    /// It is not a request that can be passed on.
    Malformed,
    /// It is too large.
    TooLarge,
    /// The API is out of reach.
    Unreachable,
}

/// What a person gives an account of an agent's.
#[derive(Clone, Copy)]
pub enum By<'a> {
    /// An access token that nothing renews.
    Token(&'a str),
    /// An API key.
    Key(&'a str),
    /// The command of these settings of the agent's that prints one.
    Helper(&'a Value),
    /// The file of a login of the agent's own.
    Login(&'a Value),
}

/// As what a request shows that which lets it in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pass {
    /// As a bearer token.
    #[default]
    Bearer,
    /// As an API key.
    Key,
    /// As both, because it is not known which it is.
    Both,
}

/// What is in a login. Its times are in milliseconds since 1970.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// What lets requests in; empty if the login has ended.
    pub access: String,
    /// What renews it; empty if nothing does.
    pub refresh: String,
    /// When the access token ends.
    pub expires: Option<u64>,
    /// When the login itself ends.
    pub ends: Option<u64>,
    /// The kind of subscription.
    pub subscription: Option<String>,
    /// As what the access token is shown.
    pub pass: Pass,
    /// The command of the host that prints the access token, where it is not here.
    pub helper: Option<String>,
}

impl Credentials {
    /// Whether they let anything in, or can be made to.
    #[must_use]
    pub fn is_login(&self) -> bool {
        !self.access.is_empty() || self.helper.is_some()
    }
}

impl Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials")
            .field("expires", &self.expires)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// What a part of an answer tells of its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// The tokens that the answer took so far; one that comes in parts says so more than once.
    Spent(Tokens),
    /// How many bytes of text it brings.
    Written(u64),
}

/// Tokens, by what they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Put into the cache.
    pub cache_written: u64,
}

impl Tokens {
    /// What two parts of one answer say together: each tells the sum so far.
    #[must_use]
    pub fn with(self, later: Self) -> Self {
        Self {
            input: self.input.max(later.input),
            output: self.output.max(later.output),
            cache_read: self.cache_read.max(later.cache_read),
            cache_written: self.cache_written.max(later.cache_written),
        }
    }
}
