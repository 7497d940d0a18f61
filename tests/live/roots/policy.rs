//! The network policy of a restored container is today's, and in force from its first instruction.

use std::time::Duration;

use super::world::{block_on, context, host, id, inside, keep, restore, session};
use crate::network::{PROBE, configure};
use crate::support::host::Host;
use crate::support::internet::{self, NEAR, PUBLIC};
use crate::support::wait;

/// Begins before any other service.
const UNIT: &str = "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n[Service]\nExecStart=/bin/bash /opt/first\n\
                    [Install]\nWantedBy=sysinit.target\n";

/// Probes again and again, and writes down each that has ever reached something.
fn first(probes: &[String]) -> String {
    let words: Vec<String> = probes.iter().map(|probe| format!("'{probe}'")).collect();
    format!(
        "for n in {{1..8}}; do python3 /opt/probe.py {} | grep ' reached$'; done | sort -u >/opt/reached\n\
         cp /opt/reached /workspace/reached.new && mv /workspace/reached.new /workspace/reached\n",
        words.join(" ")
    )
}

fn write_in(host: &Host, name: &str, path: &str, text: &str) {
    std::fs::write(host.proj.join("file"), text).unwrap();
    inside(host, name, &format!("cp /workspace/file {path}"));
}

#[test]
fn what_is_refused_now_is_refused_from_the_first_instruction_though_it_was_allowed_then() {
    let host = host();
    configure(&host, "mode = \"open\"");
    let name = session(&host, &[]);
    let port = internet::serve();
    let [listed, unlisted] = PUBLIC;
    let probe = |address: &str| format!("tcp {address} {port}");
    let all = [listed, unlisted, NEAR[0]].map(probe);
    write_in(&host, &name, "/opt/probe.py", PROBE);
    write_in(&host, &name, "/opt/first", &first(&all));
    write_in(&host, &name, "/etc/systemd/system/first.service", UNIT);
    inside(&host, &name, "systemctl enable first.service 2>/dev/null");
    let id = id();
    let root = block_on(keep(&context(&host), &name, &id)).unwrap();
    let modes = [
        ("mode = \"open\"".to_owned(), all.to_vec()),
        ("mode = \"restricted\"".to_owned(), vec![probe(listed), probe(unlisted)]),
        (format!("mode = \"allowlist\"\nallowed_domains = [\"{listed}\"]"), vec![probe(listed)]),
    ];
    let file = host.proj.join("reached");
    for (settings, mut reached) in modes {
        configure(&host, &settings);
        // the first time there is none
        let _ = std::fs::remove_file(&file);
        block_on(restore(&context(&host), &id, &root)).unwrap();
        let seen = wait::until("the service has probed", Duration::from_secs(120), || {
            std::fs::read_to_string(&file).map_err(|error| error.to_string())
        });
        reached.sort();
        let seen: Vec<&str> = seen.lines().map(|line| line.trim_end_matches(" reached")).collect();
        assert_eq!(seen, reached, "{settings}");
    }
}
