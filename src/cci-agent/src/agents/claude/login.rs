//! The login of Claude Code: `.credentials.json`, the lock under which it is renewed, and the API.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::cost;
use super::keys::{GATEWAY_VARIABLE, HELPER, KEY_VARIABLE, PLACEHOLDER, TOKEN_VARIABLE, is_token};
use super::place::SETTINGS;
use super::provider;
use crate::login::{By, Cost, Credentials, Locks, Login, Pass, Refusal};
use crate::provider::{Provided, Provider, Unfit};

/// Its file.
pub(super) const LOGIN: &str = ".credentials.json";

/// The login of a subscription.
#[derive(Debug)]
pub(super) struct Account;

/// The key of the login in its file, which also has those of other servers.
const KEY: &str = "claudeAiOauth";
/// Where those are.
const SERVERS: &str = "mcpOAuth";
/// What the agent empties where the server has refused the login.
const BLANKED: [&str; 3] = ["accessToken", "refreshToken", "expiresAt"];
/// Where it then says why.
const ENDED: &str = "loginEnded";
/// The program's own id, which every copy of it has.
const CLIENT: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";
/// The key of an API key in the file of an account.
const API_KEY: &str = "apiKey";
/// What a token that a person gives may be used for: more than that no such token allows.
const INFERENCE: &str = "user:inference";
/// Where the answers of a model are.
const MESSAGES: &str = "/v1/messages";
/// How many seconds a token lives whose life is not told.
const UNTOLD: u64 = 600;
/// The paths that a session may ask for: what is below those with a slash, and the others as they are. Others hand out
/// keys and logins (`/api/oauth/claude_cli/create_api_key`), or reach what is of no session.
const PATHS: [&str; 12] = [
    MESSAGES,
    "/v1/messages/count_tokens",
    "/v1/models",
    "/v1/models/",
    "/api/hello",
    "/api/claude_code/policy_limits",
    "/api/claude_cli/bootstrap",
    "/api/claude_cli_profile",
    "/api/event_logging/",
    "/api/oauth/profile",
    "/api/oauth/usage",
    "/api/web/domain_info",
];
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

impl Login for Account {
    fn place_variable(&self) -> &'static str {
        "CLAUDE_SECURESTORAGE_CONFIG_DIR"
    }

    fn file(&self) -> &'static str {
        LOGIN
    }

    fn locks(&self) -> Locks {
        Locks { first: ".oauth_refresh.lock", owner: ".oauth_refresh.lock.owner", second: ".lock" }
    }

    fn socket_environment(&self, socket: &str, pass: Pass) -> Vec<(&'static str, String)> {
        // the agent asks for other things with a key than with a subscription
        let variable = if pass == Pass::Bearer { TOKEN_VARIABLE } else { KEY_VARIABLE };
        vec![
            ("ANTHROPIC_UNIX_SOCKET", socket.to_owned()),
            ("ANTHROPIC_BASE_URL", format!("http://{}", self.host())),
            (variable, PLACEHOLDER.to_owned()),
        ]
    }

    fn provided(
        &self,
        said: &dyn Fn(&str) -> Option<String>,
        settings: &Value,
    ) -> Result<Option<(String, Provided)>, Unfit> {
        provider::provided(said, settings)
    }

    fn provided_environment(&self, socket: &str, provided: &Provided) -> Vec<(String, String)> {
        provider::environment(socket, format!("http://{}", self.host()), provided)
    }

    fn may_ask_provider(&self, provider: &Provider, method: &str, path: &str) -> bool {
        match provider {
            Provider::Gateway => self.may_ask(method, path),
            Provider::Bedrock { .. } | Provider::Vertex { .. } => provider::may_ask(provider, method, path),
        }
    }

    fn token_variables(&self) -> &'static [&'static str] {
        // the second is what gateways take
        &[TOKEN_VARIABLE, GATEWAY_VARIABLE]
    }

    fn sign_in(&self) -> &'static [&'static str] {
        // it prints where to log in, and takes the code that the page shows: nothing listens for a browser
        &["claude", "auth", "login"]
    }

    fn account(&self, by: By<'_>) -> Option<Value> {
        match by {
            By::Token(token) => {
                is_token(token).then(|| json!({ KEY: { "accessToken": token, "scopes": [INFERENCE] } }))
            }
            By::Key(key) => is_token(key).then(|| json!({ API_KEY: key })),
            By::Helper(settings) => {
                let command = settings.get(HELPER)?.as_str().filter(|command| !command.trim().is_empty())?;
                Some(json!({ HELPER: command }))
            }
            By::Login(file) => {
                let login = self.read(file).filter(|login| is_token(&login.access) && is_token(&login.refresh));
                // the logins of other servers are not an account's
                login.map(|_| json!({ KEY: file[KEY] }))
            }
        }
    }

    fn directory_environment(&self, directory: &str) -> Vec<(&'static str, String)> {
        vec![("CLAUDE_SECURESTORAGE_CONFIG_DIR", directory.to_owned())]
    }

    fn variables(&self) -> &'static [&'static str] {
        &[
            KEY_VARIABLE,
            GATEWAY_VARIABLE,
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_UNIX_SOCKET",
            TOKEN_VARIABLE,
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_FOUNDRY",
            "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_SECURESTORAGE_CONFIG_DIR",
        ]
    }

    fn variables_of(&self, settings: &Value) -> Vec<String> {
        let env = settings.get("env").and_then(Value::as_object);
        let texts = env.into_iter().flatten().map(|(name, value)| (name, value.as_str().unwrap_or("set")));
        let variables = texts.filter(|(name, value)| self.lets_in(name, value)).map(|(name, _)| name.clone());
        let helper = settings.get(HELPER).map(|_| HELPER.to_owned());
        variables.chain(helper).collect()
    }

    fn opens(&self, variable: &str) -> bool {
        [KEY_VARIABLE, GATEWAY_VARIABLE, TOKEN_VARIABLE, HELPER].contains(&variable)
    }

    fn settings(&self) -> &'static str {
        SETTINGS
    }

    fn placeholder(&self) -> &'static str {
        PLACEHOLDER
    }

    fn host(&self) -> &'static str {
        "localhost"
    }

    fn api(&self) -> (&'static str, &'static str) {
        ("ANTHROPIC_BASE_URL", "https://api.anthropic.com")
    }

    fn renewed_at(&self) -> &'static str {
        "https://platform.claude.com/v1/oauth/token"
    }

    fn may_ask(&self, method: &str, path: &str) -> bool {
        let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.:@".contains(&byte));
        let straight = plain && !path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..");
        let named = PATHS.iter().any(|known| {
            if known.ends_with('/') { path.starts_with(known) && path.len() > known.len() } else { path == *known }
        });
        METHODS.contains(&method) && straight && named
    }

    fn read(&self, file: &Value) -> Option<Credentials> {
        let own = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(access) = own(API_KEY) {
            return Some(Credentials { access, pass: Pass::Key, ..Credentials::default() });
        }
        if let Some(helper) = own(HELPER) {
            return Some(Credentials { pass: Pass::Both, helper: Some(helper), ..Credentials::default() });
        }
        let login = file.get(KEY)?.as_object()?;
        let text = |key: &str| login.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let time = |key: &str| login.get(key).and_then(Value::as_u64).filter(|time| *time > 0);
        Some(Credentials {
            access: text("accessToken"),
            refresh: text("refreshToken"),
            expires: time("expiresAt"),
            ends: time("refreshTokenExpiresAt"),
            subscription: Some(text("subscriptionType")).filter(|kind| !kind.is_empty()),
            pass: Pass::Bearer,
            helper: None,
        })
    }

    fn renewal(&self, file: &Value, credentials: &Credentials) -> Value {
        let login = &file[KEY];
        let client = login["clientId"].as_str().unwrap_or(CLIENT);
        let mut asked =
            json!({ "grant_type": "refresh_token", "refresh_token": credentials.refresh, "client_id": client });
        let scopes: Vec<&str> = login["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !scopes.is_empty() {
            asked["scope"] = scopes.join(" ").into();
        }
        asked
    }

    fn renewed(&self, file: &Value, answer: &Value, now: u64) -> Option<Value> {
        let access = answer["access_token"].as_str().filter(|token| is_token(token))?;
        // one whose life is not told is renewed again soon
        let lasts = answer["expires_in"].as_u64().unwrap_or(UNTOLD);
        let mut file = file.clone();
        let login = file.get_mut(KEY)?.as_object_mut()?;
        login.insert("accessToken".into(), access.into());
        login.insert("expiresAt".into(), now.saturating_add(lasts.saturating_mul(1000)).into());
        if let Some(refresh) = answer["refresh_token"].as_str().filter(|token| is_token(token)) {
            login.insert("refreshToken".into(), refresh.into());
        }
        if let Some(lasts) = answer["refresh_token_expires_in"].as_u64() {
            let ends = now.saturating_add(lasts.saturating_mul(1000));
            login.insert("refreshTokenExpiresAt".into(), ends.into());
        }
        if let Some(scope) = answer["scope"].as_str() {
            login.insert("scopes".into(), scope.split_whitespace().collect());
        }
        Some(file)
    }

    fn restored(&self, file: &Value, before: &Value) -> Option<Value> {
        let (blank, whole) = (file.get(KEY)?.as_object()?, before.get(KEY)?.as_object()?);
        let is_blank = |key: &&str| match blank.get(*key) {
            None | Some(Value::Null) => true,
            Some(value) => value.as_str() == Some("") || value.as_u64() == Some(0),
        };
        let rest = |login: &Map<String, Value>| {
            let mut rest = login.clone();
            for key in BLANKED.iter().chain([&ENDED]) {
                rest.remove(*key);
            }
            rest
        };
        if !BLANKED.iter().all(is_blank) || rest(blank) != rest(whole) {
            return None;
        }
        let mut file = file.clone();
        file[KEY] = before[KEY].clone();
        Some(file)
    }

    fn others(&self, file: &Value) -> Vec<String> {
        // the key of a server is its name, and what tells it from others of that name
        let servers = file.get(SERVERS).and_then(Value::as_object);
        let name = |key: &String| key.split('|').next().unwrap_or_default().to_owned();
        servers.into_iter().flatten().map(|(key, _)| name(key)).collect()
    }

    fn access_only(&self, file: &Value) -> Value {
        let mut login = file[KEY].clone();
        if let Some(login) = login.as_object_mut() {
            for key in ["refreshToken", "refreshTokenExpiresAt", "clientId"] {
                login.remove(key);
            }
        }
        json!({ KEY: login })
    }

    fn refusal(&self, kind: Refusal, message: &str) -> Value {
        let kind = match kind {
            Refusal::NoLogin => "authentication_error",
            Refusal::Forbidden => "permission_error",
            Refusal::TooSoon => "rate_limit_error",
            Refusal::Malformed => "invalid_request_error",
            Refusal::TooLarge => "request_too_large",
            Refusal::Unreachable => "api_error",
        };
        json!({ "type": "error", "error": { "type": kind, "message": message } })
    }

    fn cost(&self, part: &[u8]) -> Option<Cost> {
        cost::cost(part)
    }

    fn takes_tokens(&self, path: &str) -> bool {
        path == MESSAGES || provider::takes_tokens(path)
    }

    fn may_write(&self, asked: &[u8]) -> Option<u64> {
        /// What counts of a request; the rest is passed over, and one that says it twice says nothing.
        #[derive(Deserialize)]
        struct Asked {
            max_tokens: u64,
        }
        serde_json::from_slice(asked).ok().map(|Asked { max_tokens }| max_tokens)
    }
}

/// Settings without what lets the agent in.
pub(super) fn closed(mut settings: Value) -> Value {
    if let Some(table) = settings.as_object_mut() {
        for key in provider::OF_THE_HOST {
            table.shift_remove(key);
        }
        if let Some(env) = table.get_mut("env").and_then(Value::as_object_mut) {
            env.retain(|name, _| !Account.variables().contains(&name.as_str()) && !provider::is_ours(name));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Value {
        json!({ KEY: { "accessToken": "a", "refreshToken": "r", "expiresAt": 5, "refreshTokenExpiresAt": 9,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max", "accountUuid": "u" },
            SERVERS: { "x|0123": { "accessToken": "other" } } })
    }

    #[test]
    fn what_a_session_needs_is_served_and_nothing_that_hands_out_logins() {
        for (method, path) in [
            ("POST", "/v1/messages"),
            ("POST", "/v1/messages/count_tokens"),
            ("GET", "/v1/models/x-4.1"),
            ("GET", "/api/claude_code/policy_limits"),
            ("HEAD", "/api/hello"),
        ] {
            assert!(Account.may_ask(method, path), "{method} {path}");
        }
        for (method, path) in [
            ("POST", "/api/oauth/claude_cli/create_api_key"),
            ("POST", "/v1/oauth/token"),
            ("GET", "/v1/files"),
            ("DELETE", "/v1/messages"),
            ("GET", "/v1/messages/batches"),
            ("GET", "/"),
            ("GET", "/v1/models/"),
            ("GET", "/v1/models/../oauth/token"),
            ("GET", "/v1/models/%2e%2e/oauth"),
            ("GET", "/api/claude_code/settings"),
            ("POST", "/api/claude_code/metrics"),
            ("GET", "/api/event_logging//x"),
            ("GET", "/api/event_logging/x\\y"),
            ("GET", "//v1/messages"),
        ] {
            assert!(!Account.may_ask(method, path), "{method} {path}");
        }
    }

    #[test]
    fn a_login_is_renewed_in_place_and_everything_else_stays() {
        let read = Account.read(&host()).unwrap();
        assert_eq!(
            (read.access.as_str(), read.refresh.as_str(), read.expires, read.ends),
            ("a", "r", Some(5), Some(9))
        );
        assert!(!format!("{read:?}").contains("\"a\""));
        let asked = Account.renewal(&host(), &read);
        assert_eq!(asked["scope"], "user:inference user:profile");
        let answer = json!({ "access_token": "b", "refresh_token": "s", "expires_in": 2 });
        let after = Account.renewed(&host(), &answer, 1_000).unwrap();
        let read = Account.read(&after).unwrap();
        assert_eq!((read.access.as_str(), read.refresh.as_str(), read.expires), ("b", "s", Some(3_000)));
        assert_eq!((&after["mcpOAuth"], &after[KEY]["accountUuid"]), (&host()["mcpOAuth"], &json!("u")));
        for odd in [
            json!({}),
            json!({ "access_token": "", "expires_in": 1 }),
            json!({ "access_token": "a\nb", "expires_in": 1 }),
        ] {
            assert_eq!(Account.renewed(&host(), &odd, 0), None, "{odd}");
        }
    }

    #[test]
    fn a_login_that_the_agent_has_blanked_is_known_again_and_another_is_not() {
        let mut blank = host();
        for (key, value) in [("accessToken", json!("")), ("refreshToken", json!("")), ("expiresAt", json!(0))] {
            blank[KEY][key] = value;
        }
        blank[KEY]["loginEnded"] = json!("time_limit");
        blank["mcpOAuth"] = json!({ "y": 1 });
        let restored = Account.restored(&blank, &host()).unwrap();
        assert_eq!((&restored[KEY], &restored["mcpOAuth"]), (&host()[KEY], &json!({ "y": 1 })));
        let mut other = blank.clone();
        other[KEY]["accountUuid"] = json!("v");
        for file in [&other, &host(), &json!({}), &json!({ KEY: {} })] {
            assert_eq!(Account.restored(file, &host()), None, "{file}");
        }
    }

    #[test]
    fn without_what_renews_it_nothing_else_is_given_either() {
        let given = Account.access_only(&host()).to_string();
        assert_eq!((Account.others(&host()), Account.others(&json!({}))), (vec!["x".to_owned()], vec![]));
        assert!(given.contains("\"a\"") && !given.contains("\"r\"") && !given.contains("other"), "{given}");
    }

    #[test]
    fn an_account_is_what_the_person_gave_and_nothing_that_no_header_takes() {
        let read = |by: By<'_>| Account.account(by).map(|file| Account.read(&file).unwrap());
        let token = read(By::Token("sk-t")).unwrap();
        assert_eq!((token.access.as_str(), token.refresh.as_str(), token.pass), ("sk-t", "", Pass::Bearer));
        let key = read(By::Key("sk-k")).unwrap();
        assert_eq!((key.access.as_str(), key.pass, key.is_login()), ("sk-k", Pass::Key, true));
        let [command, none, blank] = [json!({ HELPER: "pass show key" }), json!({}), json!({ HELPER: " " })];
        let helper = read(By::Helper(&command)).unwrap();
        assert_eq!((helper.helper.as_deref(), helper.pass), (Some("pass show key"), Pass::Both));
        assert!(helper.is_login());
        let own = Account.account(By::Login(&host())).unwrap();
        assert_eq!(own, json!({ KEY: host()[KEY] }), "without what lets in elsewhere");
        for none in [By::Token(""), By::Token("a b"), By::Key("a\nb"), By::Helper(&none), By::Helper(&blank)] {
            assert_eq!(read(none), None);
        }
        for (pass, variable) in [(Pass::Bearer, TOKEN_VARIABLE), (Pass::Key, KEY_VARIABLE), (Pass::Both, KEY_VARIABLE)]
        {
            let environment = Account.socket_environment("/s", pass);
            let shown = environment.iter().filter(|(_, value)| value == PLACEHOLDER).map(|(name, _)| *name);
            assert_eq!(shown.collect::<Vec<_>>(), [variable]);
        }
    }

    #[test]
    fn settings_are_closed_by_leaving_out_what_lets_the_agent_in() {
        let settings = json!({ HELPER: "x", "model": "m", "awsCredentialExport": "y",
            "env": { KEY_VARIABLE: "k", "AWS_SECRET_ACCESS_KEY": "s", "A": "b" } });
        assert_eq!(closed(settings), json!({ "model": "m", "env": { "A": "b" } }));
        assert_eq!(closed(json!([])), json!([]));
    }

    #[test]
    fn a_blank_login_is_none_and_another_form_is_not_read() {
        let blank = json!({ KEY: { "accessToken": "", "refreshToken": "", "expiresAt": 0 } });
        assert!(!Account.read(&blank).unwrap().is_login());
        for other in [json!({}), json!({ "token": "x" }), json!([]), json!({ KEY: 1 })] {
            assert!(Account.read(&other).is_none());
        }
    }

    #[test]
    fn what_takes_tokens_says_how_many_it_may_have() {
        assert!(Account.takes_tokens("/v1/messages") && !Account.takes_tokens("/v1/messages/count_tokens"));
        assert_eq!(Account.may_write(br#"{"messages":[{"max_tokens":1}],"max_tokens":9}"#), Some(9));
        for none in ["{}", "x", r#"{"max_tokens":-1}"#, r#"{"max_tokens":1,"max_tokens":9}"#] {
            assert_eq!(Account.may_write(none.as_bytes()), None, "{none}");
        }
    }
}
