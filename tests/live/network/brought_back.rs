//! After a rewind and in a fork the policy of now is in force from the first instruction, and never a looser one that
//! the checkpoint was taken under.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::probes::probes;
use super::{PROBE, SERVER, configure, host, network_of};
use crate::support::host::{Host, Output, incus};
use crate::support::internet::{self, NEAR, PUBLIC};
use crate::support::wait;

const DUMMY: [(&str, &str); 1] = [("CCI_USE_DUMMY", "1")];

/// Begins before any other service.
const UNIT: &str = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nExecStart=/bin/bash /opt/first\n\
                    [Install]\nWantedBy=sysinit.target\n";

/// Probes again and again, and writes down each that has ever reached something.
fn first(probes: &[String]) -> String {
    let words: Vec<String> = probes.iter().map(|probe| format!("'{probe}'")).collect();
    format!(
        "for n in {{1..5}}; do python3 /opt/probe.py {} | grep ' reached$'; done | sort -u >/opt/reached\n\
         cp /opt/reached /workspace/reached.new && mv /workspace/reached.new /workspace/reached\n",
        words.join(" ")
    )
}

/// A session whose container probes at its next start, and a checkpoint of it.
struct Probing {
    host: Host,
    id: String,
    listed: String,
    unlisted: String,
}

impl Probing {
    fn launched(network: &str, flags: &[&str]) -> Self {
        let (host, port) = (host(network), internet::serve());
        let near = probes(&["tcp"], NEAR[0], port).remove(0);
        let [listed, unlisted] = [SERVER, PUBLIC[1]].map(|address| probes(&["tcp"], address, port).remove(0));
        std::fs::write(host.proj.join("probe.py"), PROBE).unwrap();
        std::fs::write(host.proj.join("first"), first(&[listed.clone(), unlisted.clone(), near])).unwrap();
        std::fs::write(host.proj.join("first.service"), UNIT).unwrap();
        let probing = Self { host, id: String::new(), listed, unlisted };
        probing.cci(&[flags, &["shell", "--background"]].concat()).ok();
        let install = "cp /workspace/probe.py /workspace/first /opt && cp /workspace/first.service /etc/systemd/system && \
                       systemctl --root=/ enable -q first.service";
        let container = probing.host.only_container();
        incus(&["exec", "--project", &probing.host.project, &container, "--", "sh", "-c", install]);
        let id = probing.cci(&["checkpoint"]).ok().stdout.trim().to_owned();
        Self { id, ..probing }
    }

    fn cci(&self, args: &[&str]) -> Output {
        self.host.cci_with(args, &DUMMY, b"")
    }

    /// What was reached from the first instruction on by a container of this workspace.
    #[track_caller]
    fn reached(workspace: &Path) -> Vec<String> {
        let seen = wait::until("the service has probed", Duration::from_secs(120), || {
            std::fs::read_to_string(workspace.join("reached")).map_err(|error| error.to_string())
        });
        seen.lines().map(|line| line.trim_end_matches(" reached").to_owned()).collect()
    }

    #[track_caller]
    fn rewound_reaches(&self, wanted: &[&String], why: &str) {
        self.cci(&["rewind", "--yes", &self.id]).ok();
        assert_eq!(Self::reached(&self.host.proj).iter().collect::<Vec<_>>(), wanted, "{why}: the rewound");
    }

    #[track_caller]
    fn forks_reach(&self, number: &str, wanted: &[&String], why: &str) {
        let made = self.cci(&["fork", &self.id, "-n", number, "--format", "json"]).ok().stdout;
        let made: Value = serde_json::from_str(&made).unwrap();
        let forks = made["forks"].as_array().unwrap();
        assert_eq!(forks.len().to_string(), number);
        let of = |fork: &Value, key: &str| fork[key].as_str().unwrap().to_owned();
        for fork in forks {
            let reached = Self::reached(&PathBuf::from(of(fork, "workspace")));
            assert_eq!(reached.iter().collect::<Vec<_>>(), wanted, "{why}: {fork}");
        }
        let networks: Vec<String> = forks.iter().map(|fork| network_of(&self.host, &of(fork, "container"))).collect();
        assert!(networks.iter().all(|network| *network == networks[0] && network.starts_with("cci-")), "{networks:?}");
        let names: Vec<String> = forks.iter().map(|fork| of(fork, "name")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.cci(&[&["fork", "--yes", "--remove"], names.as_slice()].concat()).ok();
    }
}

#[test]
fn the_policy_of_now_holds_after_a_rewind_and_in_three_forks_at_once() {
    let probing = Probing::launched("mode = \"open\"", &[]);
    let (listed, unlisted) = (&probing.listed, &probing.unlisted);
    configure(&probing.host, "mode = \"restricted\"");
    probing.rewound_reaches(&[listed, unlisted], "restricted");
    probing.forks_reach("3", &[listed, unlisted], "restricted");
    let allow = |address: &str| format!("mode = \"allowlist\"\nallowed_domains = [\"{address}\"]");
    configure(&probing.host, &allow(SERVER));
    probing.forks_reach("3", &[listed], "allowlist");
    probing.rewound_reaches(&[listed], "allowlist");
    configure(&probing.host, &allow(PUBLIC[1]));
    probing.rewound_reaches(&[unlisted], "another allowlist");
    probing.forks_reach("1", &[unlisted], "another allowlist");
}

#[test]
fn a_session_with_a_stricter_policy_than_the_settings_keeps_it() {
    let probing = Probing::launched("mode = \"open\"", &["--network", "restricted"]);
    let (listed, unlisted) = (&probing.listed, &probing.unlisted);
    // nothing was said in it, so that a fork begins with a conversation of its own
    probing.forks_reach("1", &[listed, unlisted], "--network restricted");
    probing.rewound_reaches(&[listed, unlisted], "--network restricted");
    // a checkpoint that was taken while everything was open
    let opened = Probing::launched("mode = \"open\"", &[]);
    opened.cci(&["kill", &opened.host.only_container()]).ok();
    opened.host.wait_until_gone();
    opened.cci(&["--network", "restricted", "shell", "--resume", "--background"]).ok();
    let (listed, unlisted) = (&opened.listed, &opened.unlisted);
    opened.rewound_reaches(&[listed, unlisted], "--network restricted since");
    opened.forks_reach("1", &[listed, unlisted], "--network restricted since");
}
