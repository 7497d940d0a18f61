//! How sessions are let in by an account of cci's: by a key only where the placeholder stands, by a command's output, and
//! by nothing else once it is removed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cci_agent::{By, default_agent};
use cci_core::account::AccountName;
use cci_core::settings::LoginMode;
use cci_host::login::Accounts;
use cci_host::store::run_dir::LoginNote;
use hyper::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::api::Api;
use super::world::{World, raw};

const KEY: &str = "x-api-key";

/// A session with an account.
struct Let {
    world: World,
    api: Api,
    accounts: Accounts,
    name: AccountName,
    socket: PathBuf,
}

impl Let {
    fn by(content: Value) -> Self {
        let (world, api) = (World::new(), Api::start(Duration::from_secs(3600)));
        let accounts = Accounts::of(world.place.cci_dir(), default_agent()).unwrap();
        let name: AccountName = "work".parse().unwrap();
        accounts.add(&name, content, Some(&api.url), false).unwrap();
        let note = LoginNote {
            mode: LoginMode::Socket,
            directory: accounts.file(&name).directory().to_owned(),
            account: Some(name.clone()),
            api: api.url.clone(),
            provided: None,
            renewed_at: format!("{}/token", api.url),
            max_tokens: 0,
            max_requests_per_minute: 0,
        };
        let session = world.session_let_in(1, note);
        let socket = world.place.sessions().sockets(session).join("login.sock");
        Self { world, api, accounts, name, socket }
    }

    async fn ask(&self, header: &str) -> String {
        let request = format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{header}\r\n\r\n");
        raw(&self.socket, request.as_bytes()).await.unwrap()
    }

    /// What the last request came with: the bearer token and the key.
    fn seen(&self) -> (Option<String>, Option<String>) {
        let seen = self.api.seen.lock().unwrap();
        let (_, headers) = seen.heads.last().unwrap();
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        (text(AUTHORIZATION.as_str()), text(KEY))
    }
}

fn account(by: By<'_>) -> Value {
    default_agent().login().unwrap().account(by).unwrap()
}

fn placeholder() -> &'static str {
    default_agent().login().unwrap().placeholder()
}

#[tokio::test]
async fn a_key_is_added_only_where_the_placeholder_stands() {
    let session = Let::by(account(By::Key("real-key")));
    session
        .world
        .while_it_runs(async {
            for header in [format!("{KEY}: {}", placeholder()), format!("authorization: Bearer {}", placeholder())] {
                session.ask(&header).await;
                assert_eq!(session.seen(), (None, Some("real-key".into())), "{header}");
            }
            session.ask("x-own: 1").await;
            assert_eq!(session.seen(), (None, None));
            let (mine, before) = (format!("{KEY}: {}", placeholder()), session.api.seen.lock().unwrap().heads.len());
            for header in [
                format!("{KEY}: another"),
                format!("{KEY}: Bearer {}", placeholder()),
                format!("{mine}\r\n{mine}"),
                format!("{mine}\r\nauthorization: Bearer {}", placeholder()),
                format!("{mine}\r\nauthorization: Bearer another"),
            ] {
                let answer = session.ask(&header).await;
                assert!(answer.starts_with("HTTP/1.1 403"), "{header}: {answer}");
            }
            assert_eq!(session.api.seen.lock().unwrap().heads.len(), before);
        })
        .await;
}

#[tokio::test]
async fn a_commands_output_is_added_and_asked_for_again_when_it_is_refused() {
    let world = tempfile::tempdir().unwrap();
    let count = world.path().join("count");
    let command = format!("echo x >>{0}; echo key-$(wc -l <{0})", count.display());
    // each agent names its own setting: the one of the default agent is what is read back
    let settings = json!({ "apiKeyHelper": command });
    let session = Let::by(account(By::Helper(&settings)));
    session
        .world
        .while_it_runs(async {
            for number in 1..=2 {
                let answer = session.ask(&format!("{KEY}: {}", placeholder())).await;
                assert!(answer.starts_with("HTTP/1.1 401"), "the stub knows no key: {answer}");
                let key = format!("key-{number}");
                assert_eq!(session.seen(), (Some(format!("Bearer {key}")), Some(key)));
            }
        })
        .await;
}

#[tokio::test]
async fn a_token_is_added_and_an_account_that_is_removed_lets_nothing_in() {
    let session = Let::by(account(By::Token("access-0")));
    session.api.first();
    session
        .world
        .while_it_runs(async {
            let mine = format!("authorization: Bearer {}", placeholder());
            let answer = session.ask(&mine).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert_eq!(session.seen(), (Some("Bearer access-0".into()), None));
            session.accounts.remove(&session.name).unwrap();
            let answer = session.ask(&mine).await;
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("cci login add work"), "{answer}");
            assert_eq!(session.api.seen.lock().unwrap().heads.len(), 1);
        })
        .await;
}

#[tokio::test]
async fn what_takes_its_place_is_not_sent_to_the_api_of_the_one_before() {
    let session = Let::by(account(By::Key("real-key")));
    session
        .world
        .while_it_runs(async {
            let mine = format!("{KEY}: {}", placeholder());
            let (accounts, name) = (&session.accounts, &session.name);
            accounts.add(name, account(By::Key("its-successor")), None, true).unwrap();
            session.ask(&mine).await;
            assert_eq!(session.seen(), (None, Some("its-successor".into())), "it is for the same API still");
            accounts.add(name, account(By::Key("another")), Some("http://127.0.0.1:9"), true).unwrap();
            let answer = session.ask(&mine).await;
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("another API"), "{answer}");
            assert_eq!(session.api.seen.lock().unwrap().heads.len(), 1);
        })
        .await;
}

#[tokio::test]
async fn a_command_in_another_file_than_an_accounts_is_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let touched = dir.path().join("touched");
    let settings = json!({ "apiKeyHelper": format!("touch {}; echo key", touched.display()) });
    let (world, login) = (World::new(), default_agent().login().unwrap());
    fs::write(dir.path().join(login.file()), account(By::Helper(&settings)).to_string()).unwrap();
    let note = LoginNote {
        mode: LoginMode::Socket,
        directory: dir.path().to_owned(),
        account: None,
        api: "http://127.0.0.1:9".into(),
        provided: None,
        renewed_at: "http://127.0.0.1:9".into(),
        max_tokens: 0,
        max_requests_per_minute: 0,
    };
    let session = world.session_let_in(1, note);
    let socket = world.place.sessions().sockets(session).join("login.sock");
    world
        .while_it_runs(async {
            let request = format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n{KEY}: {}\r\n\r\n", placeholder());
            let answer = raw(&socket, request.as_bytes()).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        })
        .await;
    assert!(!touched.exists());
}
