//! Finds secrets in Claude Code's configuration, and commands that print them; by key, never by value.

use serde_json::Value;

/// Keys whose value is a command that prints credentials, or renews them.
const HELPERS: [&str; 6] =
    ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper", "proxyAuthHelper"];
/// Where every value counts: headers that authenticate to a server.
const HEADERS: &str = "headers";
/// The words in a name that mark a secret.
const WORDS: [&str; 17] = [
    "AUTH",
    "AUTHORIZATION",
    "BEARER",
    "COOKIE",
    "CREDENTIAL",
    "CREDENTIALS",
    "DSN",
    "HEADERS",
    "KEY",
    "KEYS",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PAT",
    "SECRET",
    "SECRETS",
    "TOKEN",
];
/// How a name without separators may end, such as `APIKEY`.
const ENDS: [&str; 4] = ["KEY", "PASSWORD", "SECRET", "TOKEN"];

/// The keys of secrets, such as `env.GITHUB_TOKEN`, in the order of the file.
pub(super) fn secrets(settings: &Value) -> Vec<String> {
    let mut found = Vec::new();
    each(&mut settings.clone(), "", "", &mut |path| found.push(path.to_owned()));
    found
}

/// The same configuration without them.
pub(super) fn without_secrets(mut settings: Value) -> Value {
    each(&mut settings, "", "", &mut |_| ());
    settings
}

/// Removes every secret and reports its path.
fn each(value: &mut Value, path: &str, parent: &str, tell: &mut impl FnMut(&str)) {
    match value {
        Value::Object(table) => table.retain(|key, value| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if is_secret(parent, key, value) {
                tell(&path);
                return false;
            }
            each(value, &path, key, tell);
            true
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, path, parent, tell)),
        _ => {}
    }
}

fn is_secret(parent: &str, key: &str, value: &Value) -> bool {
    let is_number = value.is_number();
    let Some(text) = value.as_str().or_else(|| is_number.then_some("")) else { return false };
    HELPERS.contains(&key) || parent == HEADERS || is_secret_name(key) || has_login(text)
}

fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let mut words = upper.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| WORDS.contains(&word) || ENDS.iter().any(|end| word.ends_with(end)))
}

/// Whether a URL contains a user and a password.
fn has_login(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(login, _)| login.contains(':'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn host() -> Value {
        json!({
            "model": "opus",
            "apiKeyHelper": "pass show anthropic",
            "otelHeadersHelper": "/bin/headers",
            "env": {
                "GITHUB_TOKEN": "a",
                "MY_APIKEY": "b",
                "npm_config__authToken": "c",
                "DB_PASSWORD": "d",
                "DATABASE_URL": "postgres://u:p@h/db",
                "ANTHROPIC_CUSTOM_HEADERS": "e",
                "PIN_SECRET": 1,
                "GIT_AUTHOR_NAME": "Ann",
                "MAX_THINKING_TOKENS": "1000",
                "HOMEPAGE": "https://h/a@b:c",
                "KEYBOARD": "de",
            },
            "mcpServers": { "x": { "command": "x", "env": { "X_KEY": "f" }, "headers": { "X-Who": "g" } } },
            "permissions": { "allow": ["Bash(ls)"], "deny": [] },
            "hooks": { "Stop": [{ "hooks": [{ "type": "command", "command": "x", "password": "h" }] }] },
        })
    }

    #[test]
    fn secrets_are_named_by_their_keys() {
        let mut found = secrets(&host());
        found.sort();
        assert_eq!(
            found,
            [
                "apiKeyHelper",
                "env.ANTHROPIC_CUSTOM_HEADERS",
                "env.DATABASE_URL",
                "env.DB_PASSWORD",
                "env.GITHUB_TOKEN",
                "env.MY_APIKEY",
                "env.PIN_SECRET",
                "env.npm_config__authToken",
                "hooks.Stop.hooks.password",
                "mcpServers.x.env.X_KEY",
                "mcpServers.x.headers.X-Who",
                "otelHeadersHelper",
            ]
        );
        assert_eq!(secrets(&json!([1])), Vec::<String>::new());
    }

    #[test]
    fn what_is_left_without_them_is_the_rest_as_it_was() {
        let rest = without_secrets(host());
        assert_eq!(secrets(&rest), Vec::<String>::new());
        assert_eq!(rest["model"], "opus");
        assert_eq!(rest["env"]["GIT_AUTHOR_NAME"], "Ann");
        assert_eq!(rest["permissions"], host()["permissions"]);
        assert_eq!(rest["mcpServers"]["x"]["command"], "x");
    }
}
