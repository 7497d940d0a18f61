//! What the configuration says of checkpoints, and what an agent may do with them.

use std::time::Duration;

use serde_json::Value;

use crate::claude::{background, shows};
use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, Output, U1234, supervisor};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);

fn configured(text: &str) -> Host {
    let host = Host::live(U1234);
    let dir = host.home.join(".config/cci");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), text).unwrap();
    host
}

fn log(host: &Host) -> Vec<Value> {
    let log: Value = serde_json::from_str(&host.cci(&["log", "--format", "json"]).ok().stdout).unwrap();
    log["checkpoints"].as_array().unwrap().clone()
}

#[test]
fn what_the_configuration_says_of_them_is_so() {
    let host = configured("[checkpoints]\nignore = [\"build/\"]\nmax_file = \"1MiB\"\nkeep = 3\n");
    let at = |name: &str| host.proj.join(name);
    std::fs::create_dir(at("build")).unwrap();
    std::fs::write(at("build/out"), "old").unwrap();
    std::fs::write(at("big"), vec![0; 2 << 20]).unwrap();
    std::fs::write(at("small"), "old").unwrap();
    let first = host.cci(&["checkpoint"]).ok();
    assert!(first.stderr.contains("does not hold big (too large)"), "{first}");
    let first = first.stdout.trim().to_owned();
    for name in ["build/out", "big", "small"] {
        std::fs::write(at(name), "new").unwrap();
    }
    host.cci(&["rewind", &first]).ok();
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert_eq!((read("build/out"), read("big"), read("small")), ("new".into(), "new".into(), "old".into()));
    for n in 0..4 {
        std::fs::write(at("small"), n.to_string()).unwrap();
        host.cci(&["checkpoint", "-m", &n.to_string()]).ok();
    }
    let kept: Vec<String> = log(&host).iter().map(|one| one["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kept, ["3", "2", "1"]);
}

fn send(host: &Host, name: &str, prompt: &str) -> Output {
    host.cci(&["tmux", "send", name, prompt]).ok()
}

#[test]
fn none_is_taken_automatically_where_that_is_off() {
    let (host, api) = (configured("[checkpoints]\nauto = \"off\"\n"), Anthropic::start());
    let name = background(&host, &api, &[]);
    send(&host, &name, "run: echo one >/workspace/one");
    shows(&host, &name, "I have seen");
    assert_eq!(supervisor::of(&host.home), None);
    assert!(log(&host).is_empty());
}

#[test]
fn an_agent_rewinds_itself_where_it_may() {
    for may in [false, true] {
        let host = configured(&format!("[checkpoints]\nagent_may_rewind = {may}\n"));
        let api = Anthropic::start();
        let name = background(&host, &api, &[]);
        send(&host, &name, "run: echo one >/workspace/word");
        wait::until("the end of the turn is kept", LONG, || {
            let log = log(&host);
            let ends = log.iter().any(|one| one["cause"] == "turn-end" && one["files_changed"] == 1);
            if ends { Ok(()) } else { Err(format!("{log:?}")) }
        });
        let first = log(&host)[0]["id"].as_str().unwrap().to_owned();
        let ask = format!(
            "echo two >/workspace/word; curl -s --unix-socket /var/lib/cci/agent.sock -H Expect: \
             --data-binary '{{\"to\":\"{first}\"}}' http://cci/rewind | tee /workspace/answer"
        );
        let state = host.home.join(".cci/sessions-claude").join(host.sessions().pop().unwrap()).join(".claude");
        std::fs::write(state.join("ask"), ask).unwrap();
        send(&host, &name, "run: bash ~/.claude/ask");
        let word = host.proj.join("word");
        if may {
            wait::until("the workspace is back", LONG, || {
                let (word, log) = (std::fs::read_to_string(&word).unwrap(), log(&host));
                let is_back = word == "one\n" && log.iter().any(|one| one["cause"] == "before-rewind");
                if is_back { Ok(()) } else { Err(format!("{word}{log:?}")) }
            });
            shows(&host, &name, &first);
        } else {
            let answer = host.proj.join("answer");
            let refused = wait::until("it is refused", LONG, || {
                let answer = std::fs::read_to_string(&answer).unwrap_or_default();
                if answer.contains("agent_may_rewind") { Ok(answer) } else { Err(answer) }
            });
            assert!(refused.contains("cci rewind"), "{refused}");
            assert_eq!(std::fs::read_to_string(&word).unwrap(), "two\n");
        }
    }
}
