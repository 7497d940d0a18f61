//! Real git and gh in a container use a token that stays on the host, for the repositories of its workspace and no other.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::login::World;
use crate::support::host::U1234;
use crate::support::wait;

const TOKEN: &str = "token-of-the-test-0123456789-abcdefghij";
/// `x-access-token:` and the token, as `Basic` has them.
const BASIC: &str = "eC1hY2Nlc3MtdG9rZW46dG9rZW4tb2YtdGhlLXRlc3QtMDEyMzQ1Njc4OS1hYmNkZWZnaGlq";
const LONG: Duration = Duration::from_secs(60);

/// Repositories behind git's own server, which lets in whoever has the token.
struct Server {
    address: String,
    root: PathBuf,
}

impl Server {
    fn start(root: PathBuf) -> Self {
        for name in ["tool", "other"] {
            let path = root.join(format!("ann/{name}.git"));
            git(&root, &["init", "--quiet", "--bare", path.to_str().unwrap()]);
            git(&path, &["config", "http.receivepack", "true"]);
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = root.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &served);
            }
        });
        Self { address, root }
    }

    fn url(&self, name: &str) -> String {
        format!("http://{}/ann/{name}.git", self.address)
    }
}

fn git(dir: &Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*"]).args(args).current_dir(dir).env("GIT_CONFIG_NOSYSTEM", "1");
    let out = git.output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// Answers one request, as a server does that runs git's own program for it.
fn answer(mut stream: TcpStream, root: &Path) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    if field("authorization") == format!("token {TOKEN}") {
        // what `gh` asks; an answer that says the token again
        let said = format!("{{\"asked\":{:?},\"by\":\"{TOKEN}\"}}", head.lines().next().unwrap_or_default());
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", said.len());
        return drop(stream.write_all(&[head.as_bytes(), said.as_bytes()].concat()));
    }
    if field("authorization") != format!("Basic {BASIC}") {
        let refused = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n";
        return drop(stream.write_all(refused.as_bytes()));
    }
    let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut served = Command::new("git");
    served.args(["-c", "safe.directory=*", "http-backend"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    served.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", "ann");
    served.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    served.env("CONTENT_TYPE", field("content-type")).env("GIT_PROTOCOL", field("git-protocol"));
    served.env("HTTP_CONTENT_ENCODING", field("content-encoding")).env("CONTENT_LENGTH", body.len().to_string());
    let mut child = served.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&body).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    let end = out.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(out.len());
    let status = String::from_utf8_lossy(&out[..end]);
    let status = status.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let _ = write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\n");
    let _ = stream.write_all(&out);
}

#[test]
fn git_and_gh_use_a_token_that_is_nowhere_inside_and_for_their_own_repository_only() {
    let world = World::new(U1234, "[git]\nprotect = false\n");
    let server = Server::start(world.host.dir("served"));
    let set = ["secret", "set", "github", "--github", "--host", &format!("http://{}", server.address)];
    world.host.cci_with(&set, &[], TOKEN.as_bytes()).ok();
    let workspace = world.host.proj.clone();
    git(&workspace, &["init", "--quiet", "-b", "main"]);
    git(&workspace, &["remote", "add", "origin", &server.url("tool")]);
    let owner = format!("{}:{}", U1234.uid, U1234.gid());
    assert!(Command::new("chown").args(["-R", &owner]).arg(&workspace).status().unwrap().success());

    let started = world.host.cci(&["shell", "--background", "--debug"]).ok();
    assert!(started.stderr.contains("ann/tool"), "what the token is bound to is said: {started}");
    let name = started.stdout.split_whitespace().next().unwrap().to_owned();
    let push =
        "git -c user.name=A -c user.email=a@b commit -q --allow-empty -m x; git push origin HEAD:main >pushed 2>&1";
    world.shows(&name, "$");
    world.host.cci(&["tmux", "send", &name, push]).ok();
    let said = || world.inside(&name, "code", "cat /workspace/pushed").stdout;
    wait::until("git has pushed", LONG, || {
        let pushed = server.root.join("ann/tool.git/refs/heads/main");
        if pushed.exists() { Ok(()) } else { Err(said()) }
    });
    assert_eq!(git(&server.root.join("ann/tool.git"), &["rev-list", "--count", "main"]), "1");

    // an agent can write this, and gains nothing by it
    let ask = format!("git remote add x {}; git ls-remote x >asked 2>&1; echo over >>asked", server.url("other"));
    world.host.cci(&["tmux", "send", &name, &ask]).ok();
    wait::until("git says why not", LONG, || {
        let asked = world.inside(&name, "code", "cat /workspace/asked").stdout;
        if asked.contains("this session may not use ann/other") && asked.contains("over") { Ok(()) } else { Err(asked) }
    });
    let gh = "for r in user repos/ann/tool repos/ann/other; do gh api $r; done >told 2>&1; echo over >>told";
    world.host.cci(&["tmux", "send", &name, gh]).ok();
    let told = wait::until("gh has asked", LONG, || {
        let told = world.inside(&name, "code", "cat /workspace/told").stdout;
        if told.ends_with("over\n") { Ok(told) } else { Err(told) }
    });
    assert!(told.contains("GET /api/v3/user ") && told.contains("GET /api/v3/repos/ann/tool "), "{told}");
    assert!(told.contains("this session may not use ann/other") && !told.contains("/repos/ann/other "), "{told}");
    for secret in [TOKEN, BASIC] {
        assert_eq!(world.found(&name, secret), "", "{secret}");
    }
    world.host.cci(&["kill", &name]).ok();
    world.host.wait_until_gone();
    let again = world.host.cci(&["shell", "--background", "--debug"]).ok();
    assert!(again.stderr.contains("more remotes") && again.stderr.contains("ann/other"), "{again}");
}
