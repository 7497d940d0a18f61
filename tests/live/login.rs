//! The real agent works without a login in its container, and what was looked for there is not found.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, U1000, U1234, User, run};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);
pub(crate) const ACCESS: &str = "sk-ant-oat01-access-of-the-test-0123456789";
pub(crate) const REFRESH: &str = "sk-ant-ort01-refresh-of-the-test-0123456789";

/// A host that is logged in, whose API is the stub.
pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) api: Anthropic,
}

impl World {
    pub(crate) fn new(user: User, config: &str) -> Self {
        let (host, api) = (Host::live(user), Anthropic::start());
        let login = json!({ "claudeAiOauth": { "accessToken": ACCESS, "refreshToken": REFRESH,
            "expiresAt": 4_000_000_000_000_u64, "scopes": ["user:inference", "user:profile"], "subscriptionType": "max" } });
        std::fs::write(host.dir("home/.claude").join(".credentials.json"), login.to_string()).unwrap();
        std::fs::write(host.dir("home/.config/cci").join("config.toml"), config).unwrap();
        Self { host, api }
    }

    pub(crate) fn start(&self) -> String {
        let url = self.api.url();
        let quiet = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1";
        let args = ["shell", "--background", "-e", quiet];
        let out = self.host.cci_with(&args, &[("ANTHROPIC_BASE_URL", &url)], b"").ok();
        let name = out.stdout.split_whitespace().next().unwrap().to_owned();
        self.shows(&name, "bypass permissions");
        name
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

    /// Where in the container one of the texts is: files, environments, arguments and the memory of every process.
    pub(crate) fn found(&self, name: &str, text: &str) -> String {
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
        self.inside(name, "root", &script).ok().stdout
    }
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
    let world = World::new(U1234, "[login]\nmax_tokens = 60\nmax_requests_per_minute = 500\n");
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
