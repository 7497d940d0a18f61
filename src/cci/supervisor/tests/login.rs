//! How sessions are let in by an API: what is passed on, what is refused, what is counted, and how a login is renewed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cci_agent::Login;
use cci_core::session::SessionId;
use cci_core::settings::LoginMode;
use cci_host::login::{Found, LoginFile, Renewal, Renewed};
use cci_host::store::run_dir::LoginNote;
use cci_host::store::usage::Usage;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::api::Api;
use super::world::{World, raw, until};
use crate::supervisor::control::Ended;

fn login() -> &'static dyn Login {
    cci_agent::default_agent().login().unwrap()
}

/// A host with a login, and the API that it opens.
struct Host {
    world: World,
    api: Api,
    dir: tempfile::TempDir,
}

impl Host {
    /// One whose access tokens live for so many seconds.
    fn new(lives: u64) -> Self {
        let host = Self {
            world: World::new(),
            api: Api::start(Duration::from_secs(lives)),
            dir: tempfile::tempdir().unwrap(),
        };
        let (access, refresh) = host.api.first();
        host.put(&access, &refresh, lives);
        host
    }

    fn file(&self) -> LoginFile {
        LoginFile::at(self.dir.path().to_owned(), login())
    }

    fn put(&self, access: &str, refresh: &str, lives: u64) {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
        let key = format!("{}AiOauth", cci_agent::default_agent().name());
        let expires = now + lives * 1000;
        let text = json!({ key: { "accessToken": access, "refreshToken": refresh, "expiresAt": expires } });
        fs::write(self.file().path(), text.to_string()).unwrap();
    }

    fn note(&self, mode: LoginMode) -> LoginNote {
        LoginNote {
            mode,
            directory: self.dir.path().to_owned(),
            account: None,
            api: self.api.url.clone(),
            provided: None,
            renewed_at: format!("{}/token", self.api.url),
            max_tokens: 0,
            max_requests_per_minute: 0,
        }
    }

    fn session(&self, number: u8) -> PathBuf {
        self.socket(self.world.session_let_in(number, self.note(LoginMode::Socket)))
    }

    fn socket(&self, session: SessionId) -> PathBuf {
        self.world.place.sessions().sockets(session).join("login.sock")
    }

    fn access(&self) -> String {
        let Found::Login(held) = self.file().read() else { panic!("a login") };
        held.credentials.access
    }

    fn posted_once(&self) {
        let seen = self.api.seen.lock().unwrap();
        assert!(seen.posted.values().all(|times| *times == 1), "{:?}", seen.posted);
    }
}

/// A request with the placeholder.
fn ask(target: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nx-own: 1\r\ncontent-length: 2\r\n\r\n{{}}",
        login().placeholder()
    )
}

async fn asked(socket: &Path, target: &str) -> String {
    raw(socket, ask(target).as_bytes()).await.unwrap()
}

async fn status(socket: &Path, request: &str) -> String {
    let answer = raw(socket, request.as_bytes()).await.unwrap_or_default();
    answer.split_whitespace().nth(1).unwrap_or("none").to_owned()
}

#[tokio::test]
async fn the_placeholder_is_replaced_and_everything_else_passed_on() {
    let host = Host::new(3600);
    let socket = host.session(1);
    host.world
        .while_it_runs(async {
            let answer = asked(&socket, "/v1/messages?beta=true").await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("message_delta"), "{answer}");
            assert!(!answer.contains("set-cookie") && !answer.contains("access-"), "{answer}");
        })
        .await;
    let seen = host.api.seen.lock().unwrap();
    let (line, headers) = &seen.heads[0];
    assert_eq!(
        (line.as_str(), &headers[AUTHORIZATION]),
        ("POST /v1/messages?beta=true", &"Bearer access-0".parse().unwrap())
    );
    assert_eq!((headers["x-own"].to_str().unwrap(), headers["content-length"].to_str().unwrap()), ("1", "2"));
    assert_ne!(headers["host"], "localhost");
    assert_eq!(seen.bytes, 2);
}

#[tokio::test]
async fn only_plain_requests_for_the_agents_own_api_are_passed_on() {
    let host = Host::new(3600);
    let socket = host.session(1);
    let bearer = format!("authorization: Bearer {}\r\n", login().placeholder());
    let line = |line: &str, headers: &str| format!("{line} HTTP/1.1\r\nhost: localhost\r\n{bearer}{headers}\r\n");
    let url = &host.api.url;
    let refused = [
        ("400", line(&format!("GET {url}/v1/models"), "")),
        ("400", line("GET http://localhost/v1/models", "")),
        ("400", line("CONNECT localhost:443", "")),
        ("400", line("GET /v1/models", "connection: upgrade\r\nupgrade: websocket\r\n")),
        ("400", line("GET /v1/models", "host: elsewhere\r\n")),
        ("400", format!("GET /v1/models HTTP/1.1\r\nhost: elsewhere\r\n{bearer}\r\n")),
        ("400", line("POST /v1/messages", "content-length: 2\r\ncontent-length: 3\r\n") + "{}"),
        ("400", line("POST /v1/messages", "transfer-encoding: gzip, chunked\r\n") + "0\r\n\r\n"),
        ("413", line("POST /v1/messages", "content-length: 1000000000\r\n")),
        ("403", line("POST /v1/oauth/token", "")),
        ("403", line("GET /v1/models/../oauth/token", "")),
        ("403", line("DELETE /v1/messages", "")),
        ("403", line("GET /v1/models", "authorization: Bearer other\r\n")),
        ("403", "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer other\r\n\r\n".into()),
        ("403", "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-api-key: other\r\n\r\n".into()),
    ];
    host.world
        .while_it_runs(async {
            for (wanted, request) in &refused {
                let shown = &request[..request.len().min(200)];
                assert_eq!(status(&socket, request).await, *wanted, "{shown}");
            }
            let endless = line("GET /v1/models", &format!("x: {}\r\n", "y".repeat(1_000_000)));
            let answer = raw(&socket, endless.as_bytes()).await.unwrap_or_default();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
            // a length beside chunks does not count: what would be behind it is no request, and the API hears of one length
            let both = line("POST /v1/messages", "content-length: 2\r\ntransfer-encoding: chunked\r\n");
            let smuggled = format!("{both}0\r\n\r\n{}", ask("/v1/models"));
            let answer = raw(&socket, smuggled.as_bytes()).await.unwrap_or_default();
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
            // what comes behind a request is never read as another one
            let two = ask("/v1/messages") + &ask("/v1/messages");
            let answer = raw(&socket, two.as_bytes()).await.unwrap_or_default();
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        })
        .await;
    let seen = host.api.seen.lock().unwrap();
    assert!(seen.heads.iter().all(|(line, _)| line == "POST /v1/messages"), "{:?}", seen.heads);
    let has_both =
        |headers: &HeaderMap| headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING);
    assert!(!seen.heads.iter().any(|(_, headers)| has_both(headers)), "{:?}", seen.heads);
}

#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let host = Host::new(3600);
    let socket = host.session(1);
    host.world
        .while_it_runs(async {
            let mut stream = UnixStream::connect(&socket).await.unwrap();
            let head = format!(
                "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
                login().placeholder()
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let piece = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
            let mut sent = 0;
            while sent < 200 && stream.write_all(&piece).await.is_ok() {
                sent += 1;
            }
            assert!(sent < 200, "nobody stopped it");
        })
        .await;
    assert!(host.api.seen.lock().unwrap().bytes <= 64 << 20);
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes_and_counted() {
    let host = Host::new(3600);
    let socket = host.session(1);
    host.world
        .while_it_runs(async {
            let mut stream = UnixStream::connect(&socket).await.unwrap();
            stream.write_all(ask("/v1/messages?wait").as_bytes()).await.unwrap();
            let mut read = String::new();
            while !read.contains("message_start") {
                let mut some = [0; 1024];
                let length = stream.read(&mut some).await.unwrap();
                read.push_str(std::str::from_utf8(&some[..length]).unwrap());
            }
            assert!(!read.contains("message_delta"), "the API has not said it yet");
            host.api.goes_on.notify_one();
            stream.read_to_string(&mut read).await.unwrap();
            assert!(read.contains("message_delta"));
            asked(&socket, "/v1/messages?whole").await;
            let dir = host.world.session_dir(1);
            until("it is counted", async || Usage::read(&dir).requests == 2).await;
            let used = Usage::read(&dir);
            assert_eq!((used.input_tokens, used.output_tokens), (17, 14));
        })
        .await;
}

#[tokio::test]
async fn a_session_that_runs_away_is_stopped() {
    let host = Host::new(3600);
    let paced = LoginNote { max_requests_per_minute: 2, ..host.note(LoginMode::Socket) };
    let paced = host.socket(host.world.session_let_in(1, paced));
    let limited = LoginNote { max_tokens: 20, ..host.note(LoginMode::Socket) };
    let limited = host.socket(host.world.session_let_in(2, limited));
    host.world
        .while_it_runs(async {
            for _ in 0..2 {
                assert!(asked(&paced, "/v1/messages").await.starts_with("HTTP/1.1 200"));
            }
            let answer = asked(&paced, "/v1/messages").await;
            assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: "), "{answer}");
            assert!(answer.contains("rate_limit_error") && answer.contains("max_requests_per_minute"), "{answer}");
            for _ in 0..2 {
                assert!(asked(&limited, "/v1/messages?whole").await.starts_with("HTTP/1.1 200"));
            }
            let answer = asked(&limited, "/v1/messages").await;
            assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("login.max_tokens"), "{answer}");
        })
        .await;
}

#[tokio::test]
async fn two_hundred_streams_go_on_at_once() {
    let host = Host::new(3600);
    let socket = host.session(1);
    host.world
        .while_it_runs(async {
            let mut streams = JoinSet::new();
            for _ in 0..200 {
                let socket = socket.clone();
                streams.spawn(async move { asked(&socket, "/v1/messages?wait").await });
            }
            until("all are open", async || host.api.seen.lock().unwrap().heads.len() == 200).await;
            let opened = host.api.goes_on.clone();
            let release = async {
                loop {
                    opened.notify_waiters();
                    opened.notify_one();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            let all = async {
                while let Some(answer) = streams.join_next().await {
                    assert!(answer.unwrap().contains("message_delta"));
                }
            };
            tokio::select! { () = all => {}, () = release => {} }
        })
        .await;
}

#[tokio::test]
async fn a_thousand_connections_of_one_session_keep_no_other_waiting() {
    let host = Host::new(3600);
    let (one, other) = (host.session(1), host.session(2));
    host.world
        .while_it_runs(async {
            let mut held = Vec::new();
            for _ in 0..1_000 {
                match tokio::time::timeout(Duration::from_millis(20), UnixStream::connect(&one)).await {
                    Ok(Ok(stream)) => held.push(stream),
                    _ => break,
                }
            }
            assert!(held.len() > 256);
            assert!(asked(&other, "/v1/messages").await.starts_with("HTTP/1.1 200"));
        })
        .await;
}

#[tokio::test]
async fn without_a_login_on_the_host_the_agent_is_told_what_to_do() {
    let host = Host::new(3600);
    let socket = host.session(1);
    fs::write(host.file().path(), "{").unwrap();
    host.world
        .while_it_runs(async {
            let answer = asked(&socket, "/v1/messages").await;
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("authentication_error"), "{answer}");
            assert!(answer.contains("log in with"), "{answer}");
            fs::remove_file(host.file().path()).unwrap();
            assert!(asked(&socket, "/v1/messages").await.contains("no login on the host"));
        })
        .await;
    assert!(host.api.seen.lock().unwrap().heads.is_empty());
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_is_no_login_that_has_ended() {
    let host = Host::new(3600);
    // nobody listens there
    let nowhere = "http://127.0.0.1:1".to_owned();
    let api = host.world.session_let_in(1, LoginNote { api: nowhere.clone(), ..host.note(LoginMode::Socket) });
    let renewal = host.world.session_let_in(2, LoginNote { renewed_at: nowhere, ..host.note(LoginMode::Socket) });
    let (api, renewal) = (host.socket(api), host.socket(renewal));
    host.world
        .while_it_runs(async {
            let answer = asked(&api, "/v1/messages").await;
            assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("cannot be reached"), "{answer}");
            host.put("access-0", "refresh-0", 0);
            for _ in 0..2 {
                let answer = asked(&renewal, "/v1/messages").await;
                assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("cannot be renewed now"), "{answer}");
            }
        })
        .await;
    assert!(host.api.seen.lock().unwrap().posted.is_empty());
}

#[tokio::test]
async fn requests_that_are_broken_off_count_by_what_was_passed_on() {
    let host = Host::new(3600);
    let limited = LoginNote { max_tokens: 1_000, ..host.note(LoginMode::Socket) };
    let socket = host.socket(host.world.session_let_in(1, limited));
    host.world
        .while_it_runs(async {
            let body = "x".repeat(8_000);
            let request = ask("/v1/messages?never").replace("content-length: 2", "content-length: 8000");
            let mut stream = UnixStream::connect(&socket).await.unwrap();
            stream.write_all(format!("{}{body}", request.trim_end_matches("{}")).as_bytes()).await.unwrap();
            until("the API has it", async || host.api.seen.lock().unwrap().bytes == 8_000).await;
            drop(stream);
            until("it is counted", async || Usage::read(&host.world.session_dir(1)).requests == 1).await;
            assert_eq!(Usage::read(&host.world.session_dir(1)).input_tokens, 2_000);
            assert!(asked(&socket, "/v1/messages").await.starts_with("HTTP/1.1 403"));
        })
        .await;
}

#[tokio::test]
async fn requests_under_way_do_not_pass_the_limit_together() {
    let host = Host::new(3600);
    let limited = LoginNote { max_tokens: 1_000, ..host.note(LoginMode::Socket) };
    let socket = host.socket(host.world.session_let_in(1, limited));
    let body = r#"{"max_tokens":700}"#;
    let request = |target: &str| {
        let head = ask(target).replace("content-length: 2", &format!("content-length: {}", body.len()));
        format!("{}{body}", head.trim_end_matches("{}"))
    };
    host.world
        .while_it_runs(async {
            let mut first = UnixStream::connect(&socket).await.unwrap();
            first.write_all(request("/v1/messages?wait").as_bytes()).await.unwrap();
            until("the API has it", async || host.api.seen.lock().unwrap().heads.len() == 1).await;
            let answer = raw(&socket, request("/v1/messages").as_bytes()).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: "), "{answer}");
            assert!(answer.contains("login.max_tokens"), "{answer}");
            host.api.goes_on.notify_one();
            first.read_to_string(&mut String::new()).await.unwrap();
            let answer = raw(&socket, request("/v1/messages").as_bytes()).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "what the first took is known: {answer}");
        })
        .await;
    assert_eq!(host.api.seen.lock().unwrap().bytes, 2 * body.len() as u64);
}

#[tokio::test]
async fn ten_slots_work_through_expirations_and_each_refresh_token_is_used_once() {
    let host = Host::new(2);
    let sockets: Vec<PathBuf> = (1..=10).map(|number| host.session(number)).collect();
    host.world
        .while_it_runs(async {
            let until = tokio::time::Instant::now() + Duration::from_secs(9);
            let mut slots = JoinSet::new();
            for socket in sockets {
                slots.spawn(async move {
                    while tokio::time::Instant::now() < until {
                        let answer = asked(&socket, "/v1/messages").await;
                        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                });
            }
            while let Some(slot) = slots.join_next().await {
                slot.unwrap();
            }
        })
        .await;
    host.posted_once();
    let seen = host.api.seen.lock().unwrap();
    assert!(seen.posted.len() >= 4 && seen.refused == 0, "{:?}, {} refused", seen.posted, seen.refused);
    assert!(seen.heads.len() > 100);
    drop(seen);
    let Found::Login(held) = host.file().read() else { panic!("a login") };
    assert_eq!(Renewal::of(&host.dir.path().join("elsewhere"), &host.file(), &held), Renewed::Host);
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_and_the_agent_hears_of_it() {
    let host = Host::new(3600);
    let socket = host.session(1);
    host.world
        .while_it_runs(async {
            host.api.revoke("access-0");
            assert!(asked(&socket, "/v1/messages").await.starts_with("HTTP/1.1 401"));
            assert_ne!(host.access(), "access-0");
            assert!(asked(&socket, "/v1/messages").await.starts_with("HTTP/1.1 200"));
        })
        .await;
    host.posted_once();
}

#[tokio::test]
async fn the_hosts_agent_renews_it_and_nobody_else_does_while_it_has_the_lock() {
    let host = Host::new(3600);
    let socket = host.session(1);
    // the host's agent is at it
    host.put("access-0", "refresh-0", 0);
    let lock = host.file().try_lock().unwrap().unwrap();
    host.world
        .while_it_runs(async {
            let request = asked(&socket, "/v1/messages");
            let agent = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                assert!(host.api.seen.lock().unwrap().posted.is_empty());
                host.put("access-0", "refresh-9", 3600);
                // it has another access token, as far as cci sees
                let text = fs::read_to_string(host.file().path()).unwrap().replace("access-0", "access-h");
                fs::write(host.file().path(), text).unwrap();
                drop(lock);
            };
            let (answer, ()) = tokio::join!(request, agent);
            assert!(answer.starts_with("HTTP/1.1 401"), "the stub does not know that token: {answer}");
        })
        .await;
    let seen = host.api.seen.lock().unwrap();
    let bearers: Vec<_> = seen.heads.iter().map(|(_, headers)| headers[AUTHORIZATION].clone()).collect();
    assert_eq!(bearers, ["Bearer access-h"]);
    assert!(!seen.posted.contains_key("refresh-0"), "{:?}", seen.posted);
}

#[tokio::test]
async fn a_login_that_has_ended_is_posted_once_and_stays_as_it_is() {
    let host = Host::new(3600);
    let socket = host.session(1);
    host.put("access-x", "refresh-x", 0);
    let before = fs::read_to_string(host.file().path()).unwrap();
    host.world
        .while_it_runs(async {
            for _ in 0..3 {
                let answer = asked(&socket, "/v1/messages").await;
                assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("has ended"), "{answer}");
            }
        })
        .await;
    // the next supervisor knows it too
    host.world
        .with_version(host.world.version)
        .while_it_runs(async {
            assert!(asked(&socket, "/v1/messages").await.starts_with("HTTP/1.1 401"));
            host.posted_once();
            assert_eq!(fs::read_to_string(host.file().path()).unwrap(), before);
            host.put("access-x", "refresh-0", 0);
            assert!(asked(&socket, "/v1/messages").await.starts_with("HTTP/1.1 200"), "another login");
        })
        .await;
    host.posted_once();
}

#[tokio::test]
async fn an_access_token_in_a_container_is_replaced_before_it_ends() {
    let host = Host::new(2);
    let session = host.world.session_let_in(1, host.note(LoginMode::Token));
    let inside = host.world.place.sessions().sockets(session).join("login").join(login().file());
    let ended = host
        .world
        .while_it_runs(async {
            until("it is there", async || inside.exists()).await;
            until("it is another", async || fs::read_to_string(&inside).is_ok_and(|text| text.contains("access-2")))
                .await;
            let text = fs::read_to_string(&inside).unwrap();
            assert!(!text.contains("refresh"), "{text}");
        })
        .await;
    assert_eq!(ended, Some(Ended::Stopped));
    host.posted_once();
}
