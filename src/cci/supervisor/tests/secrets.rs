//! How requests of sessions carry secrets: to their hosts only, for their repositories only, and back without them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cci_core::secret::{GitHub, Remote};
use cci_host::secrets::{Secret, Secrets, Source};
use cci_host::store::run_dir::SecretsNote;

use super::world::{World, raw, request};

const VALUE: &str = "the-real-value";

/// A server that repeats the head of each request in its answer.
struct Echo {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, heads) = (listener.local_addr().unwrap().to_string(), Arc::<Mutex<Vec<String>>>::default());
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let credential = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("none");
                // one request a connection, and the client is told: it would use it again
                let begin = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\nx-echo: {credential}\r\ncontent-length: {}\r\n\r\n",
                    head.len()
                );
                seen.lock().unwrap().push(head.clone());
                let _ = stream.write_all(format!("{begin}{head}").as_bytes());
            }
        });
        Self { address, heads }
    }

    fn last(&self) -> String {
        self.heads.lock().unwrap().last().cloned().unwrap_or_default()
    }

    fn count(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// A session with a secret for the server, one for another, and a token for a repository.
struct With {
    world: World,
    echo: Echo,
    secrets: Secrets,
    sockets: PathBuf,
}

impl With {
    fn new() -> Self {
        let (world, echo) = (World::new(), Echo::start());
        let secrets = Secrets::of(world.place.cci_dir());
        let token = |github: bool| github.then(GitHub::default);
        for (name, host, source, github) in [
            ("api", format!("http://{}", echo.address), Source::Value(VALUE.parse().unwrap()), token(false)),
            ("far", "far.example".to_owned(), Source::Value("another-value".parse().unwrap()), token(false)),
            ("git", format!("http://{}", echo.address), Source::Command(format!("echo {VALUE}")), token(true)),
        ] {
            let secret = Secret { hosts: vec![host.parse().unwrap()], variable: name.to_uppercase(), source, github };
            secrets.put(&name.parse().unwrap(), &secret).unwrap();
        }
        let note = SecretsNote {
            names: ["api", "far", "git"].map(|name| name.parse().unwrap()).to_vec(),
            remotes: Remote::of_url("http://127.0.0.1/ann/tool.git").into_iter().collect(),
            trusts: None,
        };
        let session = world.session_with_secrets(1, note);
        let sockets = world.place.sessions().sockets(session);
        Self { world, echo, secrets, sockets }
    }

    async fn ask(&self, target: &str, header: &str) -> String {
        let request = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n{header}\r\n\r\n", self.echo.address);
        raw(&self.sockets.join("secrets.sock"), request.as_bytes()).await.unwrap()
    }
}

#[tokio::test]
async fn a_placeholder_is_swapped_on_the_way_and_the_value_scrubbed_on_the_way_back() {
    let with = With::new();
    let session = with.world.while_it_runs(async {
        let (absolute, mine) = (format!("http://{}/a?b", with.echo.address), "authorization: Bearer cci.api.secret");
        for target in ["/a?b", &absolute] {
            let answer = with.ask(target, mine).await;
            assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains(VALUE), "{answer}");
            assert!(answer.contains("x-echo: Bearer **************"), "{answer}");
            assert!(with.echo.last().starts_with("GET /a?b HTTP/1.1"), "{}", with.echo.last());
            assert!(with.echo.last().contains(&format!("authorization: Bearer {VALUE}")));
        }
        // Basic me:cci.api.secret
        let answer = with.ask("/", "authorization: Basic bWU6Y2NpLmFwaS5zZWNyZXQ=").await;
        assert!(with.echo.last().contains("authorization: Basic bWU6dGhlLXJlYWwtdmFsdWU="), "{}", with.echo.last());
        assert!(!answer.contains("bWU6dGhlLXJlYWwtdmFsdWU"), "{answer}");
        with.ask("/", "x-own: 1\r\ncookie: a=b").await;
        assert!(with.echo.last().contains("x-own: 1") && !with.echo.last().contains("cookie"));
        // in pieces it would not be found
        with.ask("/", &format!("{mine}\r\nrange: bytes=0-9\r\nif-range: x")).await;
        assert!(!with.echo.last().contains("range"), "{}", with.echo.last());
        let answer = with.ask("/earlier", &format!("x-as-an-earlier-request-had-it: {VALUE}")).await;
        assert!(with.echo.last().contains(VALUE) && !answer.contains(VALUE), "{answer}");
        with.secrets.remove(&"api".parse().unwrap()).unwrap();
        let answer = with.ask("/", mine).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "what is removed is carried no longer: {answer}");
    });
    session.await;
}

#[tokio::test]
async fn nothing_else_is_passed_on() {
    let with = With::new();
    let session = with.world.while_it_runs(async {
        for (target, header, status, said) in [
            ("/", "authorization: Bearer another", 403, "only the placeholders"),
            ("/", "authorization: Bearer cci.far.secret", 403, "far is not for"),
            // Basic me:cci.far.secret, and cci.far.secret:me
            ("/", "authorization: Basic bWU6Y2NpLmZhci5zZWNyZXQ=", 403, "far is not for"),
            ("/", "authorization: Basic Y2NpLmZhci5zZWNyZXQ6bWU=", 403, "far is not for"),
            ("/?key=cci.api.secret", "x-own: 1", 403, "never by an address"),
            ("/", "x-text: a cci.api.secret b", 400, "a header of its own"),
            ("/", "user-agent: cci.api.secret", 400, "a header of its own"),
            ("http://elsewhere.example/", "x-own: 1", 400, "one host"),
            ("https://far.example/", "x-own: 1", 400, "http://"),
            ("/ann/other.git/info/refs", "authorization: Bearer cci.git.secret", 403, "--repository ann/other"),
            ("/api/graphql", "authorization: Bearer cci.git.secret", 403, "--any-repository"),
        ] {
            let answer = with.ask(target, header).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(said), "{header}: {answer}");
        }
        let elsewhere = b"GET / HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n";
        let answer = raw(&with.sockets.join("secrets.sock"), elsewhere).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert_eq!(with.echo.count(), 0);
    });
    session.await;
}

#[tokio::test]
async fn git_is_let_in_by_a_placeholder_for_the_sessions_repositories() {
    let with = With::new();
    let session = with.world.while_it_runs(async {
        let socket = with.sockets.join("agent.sock");
        let host = &with.echo.address;
        let asked = |path: &str| format!("{{\"protocol\":\"http\",\"host\":\"{host}\",\"path\":\"{path}\"}}");
        let (status, answer) = request(&socket, "POST /credential", &asked("ann/tool.git")).await.unwrap();
        assert_eq!((status, answer["password"].as_str()), (200, Some("cci.git.secret")));
        let (status, answer) = request(&socket, "POST /credential", &asked("ann/other.git")).await.unwrap();
        let why = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 403 && why.contains("ann/other") && why.contains("cci secret set git"), "{answer}");
        let elsewhere = "{\"protocol\":\"http\",\"host\":\"evil.example\",\"path\":\"ann/tool.git\"}";
        assert_eq!(request(&socket, "POST /credential", elsewhere).await.unwrap().0, 403);
        let answer = with.ask("/ann/tool.git/info/refs", "authorization: Bearer cci.git.secret").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(with.echo.last().contains(VALUE), "its command was run");
        with.secrets.remove(&"api".parse().unwrap()).unwrap();
        let answer = with.ask("/earlier", &format!("x-as-an-earlier-request-had-it: {VALUE}")).await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains(VALUE), "{answer}");
    });
    session.await;
}
