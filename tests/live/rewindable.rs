//! A rewindable environment, as people know it from elsewhere: whatever the agent changes is kept without being asked
//! for, what happened is a graph, each node of which can be gone back to, and a command alone is kept as well.

use std::time::Duration;

use serde_json::Value;

use crate::support::anthropic::Anthropic;
use crate::support::host::{Host, U1234};
use crate::support::wait;

const LONG: Duration = Duration::from_secs(90);

fn log(host: &Host) -> Vec<Value> {
    let log: Value = serde_json::from_str(&host.cci(&["log", "--format", "json"]).ok().stdout).unwrap();
    log["checkpoints"].as_array().unwrap().clone()
}

/// Has the agent run a script as a turn of its own; returns the checkpoint that was taken at its end.
#[track_caller]
fn turn(host: &Host, name: &str, word: &str, script: &str) -> String {
    let state = host.home.join(".cci/sessions-claude").join(host.sessions().pop().unwrap()).join(".claude");
    std::fs::write(state.join(word), format!("set -e; cd /workspace\n{script}\n")).unwrap();
    let prompt = format!("run: bash ~/.claude/{word}");
    host.cci(&["tmux", "send", name, &prompt]).ok();
    wait::until(&format!("the end of turn {word} is kept"), LONG, || {
        let log = log(host);
        let end = log.iter().find(|one| one["cause"] == "turn-end" && one["prompt"] == prompt.as_str());
        end.map(|one| one["id"].as_str().unwrap().to_owned()).ok_or_else(|| {
            let log: Vec<String> = log.iter().map(|one| format!("{} {}", one["cause"], one["prompt"])).collect();
            format!("{log:?}\n{}", host.cci(&["tmux", "capture", name]))
        })
    })
}

const INSTALL: &str = "mkdir -p /tmp/p/DEBIAN /tmp/p/usr/bin /tmp/n && echo a >made \
    && printf '#!/bin/sh\\necho probe runs\\n' >/tmp/p/usr/bin/probe && chmod 755 /tmp/p/usr/bin/probe \
    && printf 'Package: probe\\nVersion: 1\\nArchitecture: all\\nMaintainer: a\\nDescription: a\\n' >/tmp/p/DEBIAN/control \
    && dpkg-deb -b /tmp/p /tmp/probe.deb && sudo apt-get install -y /tmp/probe.deb \
    && echo '{\"name\":\"n\",\"version\":\"1.0.0\",\"bin\":{\"n\":\"n.sh\"}}' >/tmp/n/package.json \
    && printf '#!/bin/sh\\necho n runs\\n' >/tmp/n/n.sh && sudo npm install -g --offline --no-audit --no-fund --no-update-notifier --install-links /tmp/n";
const REMOVE: &str = "rm made; sudo apt-get remove -y probe; sudo rm -r /usr/local/bin/n /usr/share/doc";

#[test]
fn what_an_agent_installs_is_kept_by_itself_and_comes_back_from_any_node() {
    let (host, api) = (Host::live(U1234), Anthropic::start());
    let flags = api.flags();
    let mut args = vec!["shell", "--background"];
    args.extend(flags.iter().map(String::as_str));
    let name = host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned();
    wait::until("the agent has its prompt", LONG, || {
        let out = host.cci(&["tmux", "capture", &name, "--all"]);
        if out.stdout.contains("bypass permissions") { Ok(()) } else { Err(out.to_string()) }
    });
    let look = || host.cci(&["container", "exec", &name, "--", "bash", "-c", "probe; n; ls -d /usr/share/doc"]).stdout;
    let installed = turn(&host, &name, "first", INSTALL);
    let then = look();
    assert_eq!(then, "probe runs\nn runs\n/usr/share/doc\n");
    let removed = turn(&host, &name, "second", REMOVE);
    assert_eq!((look().as_str(), host.proj.join("made").exists()), ("", false));
    let holds = serde_json::json!(["container", "workspace", "conversation"]);
    assert!(log(&host).iter().filter(|one| one["cause"] == "turn-end").all(|one| one["holds"] == holds));

    host.cci(&["rewind", "--yes", &installed]).ok();
    assert_eq!((look(), host.proj.join("made").exists()), (then.clone(), true));
    // another way from there: the graph has two branches
    let other = turn(&host, &name, "third", "echo b >other");
    let mut at = other.clone();
    let log_now = log(&host);
    let parent =
        |id: &str| log_now.iter().find(|one| one["id"] == id).map(|one| one["parent"].as_str().unwrap().to_owned());
    let mut above = Vec::new();
    while let Some(parent) = parent(&at).filter(|parent| !parent.is_empty()) {
        above.push(parent.clone());
        at = parent;
    }
    assert!(above.contains(&installed) && !above.contains(&removed), "{log_now:#?}");
    let graph = host.cci(&["log", "--graph"]).ok().stdout;
    assert!([&installed, &removed, &other].iter().all(|id| graph.contains(id.as_str())), "{graph}");
    assert!(graph.lines().any(|line| line.contains("| ") || line.contains("│")), "two branches: {graph}");
    for (id, has) in [(&removed, false), (&other, true)] {
        host.cci(&["rewind", "--yes", id]).ok();
        assert_eq!((look() == then, host.proj.join("made").exists()), (has, has), "any node: {id}");
    }
}

#[test]
fn a_command_alone_is_kept_before_and_after() {
    let host = Host::live(U1234);
    std::fs::write(host.proj.join("word"), "before").unwrap();
    let out = host
        .cci(&["run", "--checkpoint", "--", "sh", "-c", "rm -f word; echo after >word; sudo touch /etc/touched"])
        .ok();
    let ids: Vec<&str> =
        out.stderr.lines().filter_map(|line| line.rsplit_once("the command: ")).map(|(_, id)| id).collect();
    let [before, after] = ids[..] else { panic!("{out}") };
    let causes: Vec<String> =
        log(&host).iter().map(|one| format!("{} {}", one["cause"], one["files_changed"])).collect();
    assert_eq!(causes, ["\"after-run\" 1", "\"before-run\" 1"], "{out}");
    let changed = host.cci(&["diff", before, after]).ok().stdout;
    assert!(changed.contains("-before") && changed.contains("+after"), "{changed}");
    let rewound = host.cci(&["rewind", "--yes", before]).ok();
    assert_eq!(std::fs::read_to_string(host.proj.join("word")).unwrap(), "before", "{rewound}");
}
