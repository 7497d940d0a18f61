//! The real agent works without a login in its container, and what was looked for there is not found.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, U1000, U1234, User, run};
use crate::support::screen::Screen;
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);
pub(crate) const ACCESS: &str = "sk-ant-oat01-access-of-the-test-0123456789";
pub(crate) const REFRESH: &str = "sk-ant-ort01-refresh-of-the-test-0123456789";

/// A host that is logged in, whose API is the stub.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) api: Anthropic,
    /// The directory of the login, if it is not the usual one.
    pub(crate) elsewhere: Option<PathBuf>,
}

impl World {
    pub(crate) fn new(user: User, config: &str) -> Self {
        let login = json!({ "claudeAiOauth": { "accessToken": ACCESS, "refreshToken": REFRESH,
            "expiresAt": 4_000_000_000_000_u64, "scopes": ["user:inference", "user:profile"], "subscriptionType": "max" } });
        Self::with(user, config, &login, Anthropic::start())
    }

    pub(crate) fn with(user: User, config: &str, login: &Value, api: Anthropic) -> Self {
        let host = Host::live(user);
        std::fs::write(host.dir("home/.claude").join(".credentials.json"), login.to_string()).unwrap();
        std::fs::write(host.dir("home/.config/cci").join("config.toml"), config).unwrap();
        Self { host, api, elsewhere: None }
    }

    pub(crate) fn start(&self) -> String {
        self.start_in("0")
    }

    pub(crate) fn start_in(&self, slot: &str) -> String {
        self.start_with(&["--slot", slot])
    }

    pub(crate) fn start_with(&self, flags: &[&str]) -> String {
        let url = self.api.url();
        let quiet = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1";
        let args = [&["shell", "--background", "-e", quiet], flags].concat();
        let renewed_at = self.api.token_url();
        let mut places = vec![("ANTHROPIC_BASE_URL", url.as_str()), ("CCI_TOKEN_URL", &renewed_at)];
        let elsewhere = self.elsewhere.as_ref().map(|directory| directory.to_string_lossy());
        places.extend(elsewhere.as_ref().map(|directory| ("CLAUDE_SECURESTORAGE_CONFIG_DIR", directory.as_ref())));
        let out = self.host.cci_with(&args, &places, b"").ok();
        let name = out.stdout.split_whitespace().next().unwrap().to_owned();
        self.shows(&name, "bypass permissions");
        name
    }

    /// A command of the person's, whose API is the stub: one that launches would ask the agent's own otherwise.
    pub(crate) fn cci(&self, args: &[&str]) -> Output {
        self.host.cci_with(args, &[("ANTHROPIC_BASE_URL", &self.api.url())], b"")
    }

    #[track_caller]
    pub(crate) fn shows(&self, name: &str, text: &str) {
        wait::until(&format!("the agent shows {text:?}"), LONG, || {
            let out = self.host.cci(&["tmux", "capture", name, "--all"]);
            if out.stdout.contains(text) { Ok(()) } else { Err(out.to_string()) }
        });
    }

    pub(crate) fn prompt(&self, name: &str, text: &str) {
        self.host.cci(&["tmux", "send", name, text]).ok();
        self.shows(name, &format!("echo <{text}>"));
    }

    pub(crate) fn inside(&self, name: &str, user: &str, script: &str) -> Output {
        let words = ["container", "exec", name, "--user", user, "--", "bash", "-c", script];
        run(self.host.cci_command(&words), b"")
    }

    /// Where in the container a text is.
    pub(crate) fn found(&self, name: &str, text: &str) -> String {
        found(|script| self.inside(name, "root", script).ok().stdout, text)
    }
}

/// Where in the container one of the texts is: files, environments, arguments and the memory of every process.
pub(crate) fn found(by_root: impl Fn(&str) -> String, text: &str) -> String {
    // the text never stands in the search itself
    let (head, tail) = text.split_at(text.len() / 2);
    let script = format!(
        r#"exec 2>/dev/null; t='{head}''{tail}'; unset head
            p=$(mktemp -p /dev/shm); printf %s "$t" >$p
            grep -rlFaf $p --exclude-dir=proc --exclude-dir=sys --exclude-dir=shm / | sed 's/^/file /'
            for d in /proc/[0-9]*; do
                n=${{d#/proc/}}; c=$(cat $d/comm)
                [ $n = $$ ] && continue
                case $c in grep|bash|dd|cat|sed) continue;; esac
                grep -qFaf $p $d/environ && echo "environ $c"
                grep -qFaf $p $d/cmdline && echo "cmdline $c"
                while read -r range mode _ _ _ name; do
                    case "$mode" in rw*) ;; *) continue;; esac
                    case "$name" in '[v'*) continue;; esac
                    a=$((16#${{range%-*}})); b=$((16#${{range#*-}}))
                    [ $((b-a)) -gt 268435456 ] && b=$((a+268435456))
                    dd if=$d/mem bs=4096 skip=$((a/4096)) count=$(((b-a)/4096)) | grep -qFaf $p && echo "memory $c" && break
                done <$d/maps
            done; rm -f $p; :"#
    );
    by_root(&script)
}

#[test]
fn the_agent_works_through_the_socket_and_nothing_of_the_login_is_inside() {
    let world = World::new(U1234, "");
    let name = world.start();
    world.prompt(&name, "hello through the socket");
    assert!(world.api.was_let_in_by(ACCESS), "the supervisor adds the login");
    for secret in [ACCESS, REFRESH] {
        assert_eq!(world.found(&name, secret), "", "{secret}");
    }
    let planted = "planted-by-the-test-0123456789abcdef";
    let (head, tail) = planted.split_at(10);
    let plant =
        format!("printf %s '{head}''{tail}' >/home/code/planted; X='{head}''{tail}' nohup sleep 300 >/dev/null 2>&1 &");
    world.inside(&name, "code", &plant).ok();
    let found = world.found(&name, planted);
    assert!(found.contains("file /home/code/planted") && found.contains("environ sleep"), "{found}");
    assert!(found.contains("memory sleep"), "{found}");

    let refused = world.inside(
        &name,
        "root",
        "for p in /v1/oauth/token /api/oauth/claude_cli/create_api_key; do curl -s -o /dev/null -w '%{http_code} ' --unix-socket \
         /run/cci/login.sock -H 'authorization: Bearer ssh-placeholder' -X POST http://localhost$p; done; \
         curl -s -o /dev/null -w '%{http_code}' --unix-socket /run/cci/login.sock http://elsewhere/v1/models",
    );
    assert_eq!(refused.ok().stdout, "403 403 400");
    let info: Value = serde_json::from_str(&world.host.cci(&["info", "--format=json"]).ok().stdout).unwrap();
    assert!(info["usage"]["requests"].as_u64().unwrap() > 0, "{info}");
}

#[test]
fn an_access_token_alone_is_in_the_container_where_that_is_wanted() {
    let world = World::new(U1000, "[login]\nmode = \"token\"\n");
    let url = world.api.url();
    let start = ["shell", "--background", "-e", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"];
    let mut args = start.to_vec();
    let given = format!("ANTHROPIC_BASE_URL={url}");
    args.extend(["-e", &given]);
    let name = world.host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
    world.shows(&name, "bypass permissions");
    world.prompt(&name, "hello with a token");
    assert!(world.api.was_let_in_by(ACCESS));
    assert_eq!(world.found(&name, REFRESH), "");
    let found = world.found(&name, ACCESS);
    assert!(found.contains("/login/.credentials.json"), "{found}");
}

#[test]
fn a_session_that_runs_away_is_stopped_with_a_clear_answer() {
    let world = World::new(U1234, "[login]\nmax_tokens = 60\n");
    let name = world.start();
    let screen = || world.host.cci(&["tmux", "capture", &name, "--all"]).ok().stdout;
    // the screen breaks lines wherever it is full
    let is_stopped = || screen().split_whitespace().collect::<String>().contains("login.max_tokens");
    for number in 0..12 {
        let prompt = format!("prompt {number}");
        world.host.cci(&["tmux", "send", &name, &prompt]).ok();
        wait::until("it is answered or stopped", LONG, || {
            if is_stopped() || screen().contains(&format!("echo <{prompt}>")) { Ok(()) } else { Err(screen()) }
        });
        if is_stopped() {
            return;
        }
    }
    panic!("nobody stopped it: {}", screen());
}

#[test]
fn what_the_person_says_of_the_login_counts_more() {
    let world = World::new(U1234, "");
    let flags = world.api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let name = world.host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
    world.shows(&name, "bypass permissions");
    world.prompt(&name, "hello with a key");
    assert!(!world.api.was_let_in_by(ACCESS));
    assert_eq!(world.inside(&name, "code", "test -e /run/cci/login.sock; echo $?").ok().stdout, "1\n");
}

#[test]
fn what_a_container_says_of_its_agents_variables_hands_no_token_in() {
    let world = World::new(U1234, "");
    let name = world.start();
    world.prompt(&name, "hello before the rewind");
    let id = world.host.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    // as if the command line had given another address
    let tmux = "tmux -S /home/code/.cci-tmux";
    let plant = format!(
        "{tmux} kill-server; while [ -e /home/code/.cci-tmux ] && {tmux} info >/dev/null 2>&1; do :; done; \
         ANTHROPIC_BASE_URL=https://elsewhere.example {tmux} new-session -d -s other 'exec tail -f /dev/null' && \
         {tmux} set-option -s @cci-given ANTHROPIC_BASE_URL && {tmux} show-options -sqv @cci-given"
    );
    assert_eq!(world.inside(&name, "code", &plant).ok().stdout.trim(), "ANTHROPIC_BASE_URL");
    let url = world.api.url();
    world.host.cci_with(&["rewind", "--yes", &id], &[("ANTHROPIC_BASE_URL", &url)], b"").ok();
    world.shows(&name, "bypass permissions");
    assert_eq!(world.found(&name, ACCESS), "");
    assert_eq!(world.found(&name, "elsewhere.example"), "");
    world.prompt(&name, "hello behind the rewind");
}

#[test]
fn what_a_rewind_or_a_fork_starts_is_let_in_at_once() {
    let world = World::new(U1234, "");
    let name = world.start();
    world.prompt(&name, "hello before the rewind");
    let id = world.host.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
    world.host.cci(&["supervisor", "stop"]).ok();
    world.cci(&["rewind", "--yes", &id]).ok();
    world.prompt(&name, "hello behind the rewind");
    world.host.cci(&["supervisor", "stop"]).ok();
    let forked = world.cci(&["fork", &id, "--prompt", "hello in the fork"]).ok();
    let fork = forked.stdout.split_whitespace().last().unwrap().to_owned();
    world.shows(&fork, "echo <hello in the fork>");
    world.host.cci(&["supervisor", "stop"]).ok();
    world.cci(&["adopt", &fork, "--yes"]).ok();
    world.prompt(&name, "hello behind the adoption");
    world.host.cci(&["fork", "--remove", &fork, "--yes"]).ok();
}

/// What a container's root tries at the socket: the status of each answer.
const TRIES: &str = r"
import socket
BEARER = 'authorization: Bearer ssh-placeholder\r\n'
def ask(head, body=b''):
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect('/run/cci/login.sock')
    try:
        s.sendall(head.replace('\n', '\r\n').replace('\r\r', '\r').encode())
        for piece in ([body] if isinstance(body, bytes) else body): s.sendall(piece)
    except OSError: pass
    answer = b''
    try:
        while True:
            some = s.recv(65536)
            if not some: break
            answer += some
    except OSError: pass
    return answer.decode(errors='replace')
def status(*args): return ask(*args).split(' ')[1:2]
def head(line, more='', host='localhost'): return f'{line} HTTP/1.1\nhost: {host}\n{BEARER}{more}\n'
print('absolute', *status(head('GET http://localhost/v1/models')))
print('elsewhere', *status(head('GET /v1/models', host='198.51.100.10')))
print('connect', *status(head('CONNECT 198.51.100.10:443')))
print('upgrade', *status(head('GET /v1/models', 'connection: upgrade\nupgrade: websocket\n')))
print('two-lengths', *status(head('POST /v1/messages', 'content-length: 2\ncontent-length: 3\n'), b'{}'))
print('two-hosts', *status(head('GET /v1/models', 'host: elsewhere\n')))
print('a-line-in-a-header', *status(head('GET /v1/models', 'x: a\n b\n')))
print('settings', *status(head('GET /api/claude_code/settings')))
print('a-gigabyte', *status(head('POST /v1/messages', f'content-length: {1 << 30}\n')))
piece = b'%x\r\n' % (1 << 20) + bytes(1 << 20) + b'\r\n'
sent = []
def endless():
    for number in range(1024):
        sent.append(number)
        yield piece
ask(head('POST /v1/messages', 'transfer-encoding: chunked\n'), endless())
print('chunks', 'cut' if len(sent) < 200 else len(sent))
one = head('POST /v1/messages', 'content-length: 2\n') + '{}'
print('pipelined', ask(one * 3).count('HTTP/1.1 '))
both = head('POST /v1/messages', 'content-length: 2\ntransfer-encoding: chunked\n') + '0\n\n' + head('GET /v1/models')
print('smuggled', ask(both).count('HTTP/1.1 '))
";
/// Holds a thousand connections, and says so in a file.
const MANY: &str = "import socket,time\nheld=[]\n\
    for _ in range(1000):\n s=socket.socket(socket.AF_UNIX); s.setblocking(False)\n \
    try:\n  s.connect('/run/cci/login.sock'); s.send(b'POST /v1/messages HTTP/1.1\\r\\nx: ')\n except OSError: pass\n held.append(s)\n\
    open('/tmp/held','w').write(str(len(held)))\ntime.sleep(600)\n";

#[test]
fn a_containers_root_gets_nothing_else_from_the_socket_and_slows_nobody_down() {
    let world = World::new(U1234, "");
    let (hostile, other) = (world.start_in("1"), world.start_in("2"));
    std::fs::write(world.host.proj.join("tries.py"), TRIES).unwrap();
    std::fs::write(world.host.proj.join("many.py"), MANY).unwrap();
    let said = world.inside(&hostile, "root", "python3 /workspace/tries.py").ok().stdout;
    let wanted = "absolute 400\nelsewhere 400\nconnect 400\nupgrade 400\ntwo-lengths 400\ntwo-hosts 400\n\
                  a-line-in-a-header 400\nsettings 403\na-gigabyte 413\nchunks cut\npipelined 1\nsmuggled 1\n";
    assert_eq!(said, wanted);

    let many = "nohup python3 /workspace/many.py >/dev/null 2>&1 & until [ -s /tmp/held ]; do :; done; cat /tmp/held";
    assert_eq!(world.inside(&hostile, "root", many).ok().stdout, "1000");
    let began = std::time::Instant::now();
    world.prompt(&other, "hello beside a thousand connections");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    world.inside(&hostile, "root", "pkill -f many.py").ok();
    world.prompt(&hostile, "hello behind a thousand connections");

    // of all sockets of that name it sees its own alone, by each path
    let seen = "cd /; find / -xdev -name login.sock 2>/dev/null; find /run /var/lib/cci -name login.sock 2>/dev/null; \
                grep -o 'cci/run/[0-9a-f-]*' /proc/self/mountinfo | sort -u | wc -l";
    let seen = world.inside(&hostile, "root", seen).ok().stdout;
    assert!(seen.ends_with("\n1\n"), "{seen}");
    let inodes = "stat -Lc %i /run/cci/login.sock";
    let own = [&hostile, &other].map(|name| world.inside(name, "root", inodes).ok().stdout);
    assert_ne!(own[0], own[1]);
}

#[test]
fn a_token_is_in_the_container_because_the_configuration_says_so() {
    let world = World::new(U1234, "[login]\nmode = \"token\"\n");
    // no agent, which would look for its usual API
    let out = world.host.cci(&["shell", "--background", "--debug"]).ok();
    let name = out.stdout.split_whitespace().next().unwrap();
    let look = "ls -A /var/lib/cci; cat /var/lib/cci/login/.credentials.json";
    let inside = world.inside(name, "code", look).ok().stdout;
    assert!(inside.contains(ACCESS) && !inside.contains(REFRESH) && !inside.contains("login.sock"), "{inside}");
}

#[test]
fn a_session_that_asks_too_often_is_told_so() {
    let world = World::new(U1234, "[login]\nmax_requests_per_minute = 3\n");
    let url = world.api.url();
    let out = world.host.cci_with(&["shell", "--background", "--debug"], &[("ANTHROPIC_BASE_URL", &url)], b"").ok();
    let name = out.stdout.split_whitespace().next().unwrap();
    let ask = "for n in 1 2 3 4; do curl -s -w '%{http_code}\n' --unix-socket /var/lib/cci/login.sock \
               -H 'authorization: Bearer ssh-placeholder' -d '{}' http://localhost/v1/messages/count_tokens; done";
    let said = world.inside(name, "code", ask).ok().stdout;
    assert_eq!(said.matches("200\n").count(), 3, "{said}");
    assert!(said.contains("login.max_requests_per_minute") && said.ends_with("429\n"), "{said}");
}

#[test]
fn an_agent_in_a_shell_next_to_the_session_has_its_login_too() {
    let world = World::new(U1234, "");
    let name = world.start();
    world.prompt(&name, "hello in the session");
    let screen = Screen::open(&world.host);
    screen.enter(&format!("clear; cci attach --bash {name}"));
    screen.wait_for("/workspace", LONG);
    screen.enter("env | grep -c ssh-placeholder; claude -p 'hello in the shell'");
    screen.wait_for("echo <hello in the shell>", LONG);
}

#[test]
fn a_login_that_is_a_link_or_has_ended_is_named_and_nothing_of_it_is_inside() {
    let world = World::new(U1234, "");
    let file = world.host.home.join(".claude/.credentials.json");
    let real = world.host.dir("elsewhere").join("login.json");
    std::fs::rename(&file, &real).unwrap();
    std::os::unix::fs::symlink(&real, &file).unwrap();
    let out = world.host.cci(&["shell", "--background", "--debug"]).ok();
    assert!(out.stderr.contains("the agent has no login") && out.stderr.contains("it is a link"), "{out}");
    let name = out.stdout.split_whitespace().next().unwrap().to_owned();
    assert_eq!(world.found(&name, ACCESS), "");
    world.host.cci(&["kill", &name]).ok();
    std::fs::remove_file(&file).unwrap();
    let blank = json!({ "claudeAiOauth": { "accessToken": "", "refreshToken": "", "expiresAt": 0 } });
    std::fs::write(&file, blank.to_string()).unwrap();
    let out = world.host.cci(&["shell", "--background", "--debug"]).ok();
    assert!(out.stderr.contains("has ended") && out.stderr.contains("log in again"), "{out}");
    let given = world.host.cci(&["login", "status"]).ok().stdout;
    assert!(given.contains("the login has ended: log in again on this host"), "{given}");
}

#[test]
fn a_login_that_ends_within_three_days_is_named_at_a_launch() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let warns = |days: u64| {
        let world = World::new(U1234, "");
        let file = world.host.home.join(".claude/.credentials.json");
        let mut login: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let ends = now + Duration::from_secs(days * 24 * 3600);
        login["claudeAiOauth"]["refreshTokenExpiresAt"] = json!(u64::try_from(ends.as_millis()).unwrap());
        std::fs::write(&file, login.to_string()).unwrap();
        let out = world.host.cci(&["shell", "--background", "--debug"]).ok();
        out.stderr.contains("the login of Claude Code on this host ends on ")
    };
    assert!(warns(2) && !warns(4));
}

#[test]
fn logins_of_other_servers_stay_on_the_host_and_that_is_said() {
    let other = "access-of-a-server-of-the-test-0123456789";
    for mode in ["socket", "token"] {
        let world = World::new(U1000, &format!("[login]\nmode = \"{mode}\"\n"));
        let file = world.host.home.join(".claude/.credentials.json");
        let mut login: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        login["mcpOAuth"] = json!({ "tracker|0123": { "serverName": "tracker", "accessToken": other } });
        std::fs::write(&file, login.to_string()).unwrap();
        let out = world.host.cci(&["shell", "--background", "--debug"]).ok();
        assert!(out.stderr.contains("stay on the host") && out.stderr.contains("tracker"), "{out}");
        let name = out.stdout.split_whitespace().next().unwrap();
        assert_eq!(world.found(name, other), "", "{mode}");
    }
}

#[test]
fn what_the_person_says_of_the_login_is_said_once() {
    let world = World::new(U1234, "");
    let out = world.host.cci(&["shell", "--background", "--debug", "-e", "ANTHROPIC_API_KEY=x"]).ok();
    assert_eq!(out.stderr.matches("ANTHROPIC_API_KEY say how the agent is let in").count(), 1, "{out}");
}
