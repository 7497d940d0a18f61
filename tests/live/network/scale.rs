//! Many names, many containers and several policies at once, and a policy that changes while it is used.

use std::collections::BTreeSet;
use std::time::Duration;

use super::adversary::Attack;
use super::by_name::{PROGRAM, check};
use super::{configure, network_of};
use crate::support::host::{exec_in_background, incus};
use crate::support::wait;
use crate::support::web::Web;

#[test]
fn a_thousand_names_and_ten_containers_with_four_policies() {
    let name = |policy: usize, number: usize| format!("n{number}.p{policy}.n115.test");
    let all: Vec<String> =
        (0..4).flat_map(|policy| (0..250).map(move |number| (policy, number))).map(|(p, n)| name(p, n)).collect();
    let listed = |policy: usize| -> Vec<String> { (0..250).map(|number| name(policy, number) + ":80,443").collect() };
    let attack = Attack::new(115, &["n0.p0.n115.test"], &all.iter().map(String::as_str).collect::<Vec<_>>());
    let named = &attack.named;
    let containers: Vec<(usize, String)> = (0..10)
        .map(|number| {
            let policy = number % 4;
            configure(&named.host, &format!("mode = \"allowlist\"\nallowed_domains = {:?}", listed(policy)));
            let out = named.cci(&["shell", "--background", "--debug"]).ok().stdout;
            (policy, out.split_whitespace().next().unwrap().to_owned())
        })
        .collect();
    let at = &attack.web.address;
    std::thread::scope(|scope| {
        for (own, container) in &containers {
            scope.spawn(move || {
                let wanted: Vec<(String, &str)> = (0..4)
                    .flat_map(|policy| {
                        let (tls, plain) = if policy == *own { ("200", "200") } else { ("alert", "403") };
                        let host = name(policy, 7 + 77 * policy);
                        [(format!("https {at} {host}"), tls), (format!("http {at} {host}"), plain)]
                    })
                    .chain([(format!("http {0} {0}", name(*own, 249)), "200")])
                    .chain([(format!("http {0} {0}", name((*own + 1) % 4, 249)), "unknown")])
                    .collect();
                let asked = wanted.iter().map(|(asked, _)| asked.as_str());
                let command = ["python3", PROGRAM].into_iter().chain(asked).collect::<Vec<_>>();
                check(&named.exec(container, &command), &wanted);
            });
        }
    });
    // whoever refreshes looks up every name of every policy that is kept
    let networks: BTreeSet<String> =
        containers.iter().map(|(_, container)| network_of(&named.host, container)).collect();
    assert_eq!(networks.len(), 4);
    named.host.remove_containers();
    named.host.wait_until_gone();
    for network in networks {
        incus(&["network", "delete", &network]);
        incus(&["network", "acl", "delete", &network]);
    }
}

const LOAD: &str = include_str!("load.py");

#[test]
fn a_policy_that_changes_under_load_drops_no_allowed_request() {
    let attack = Attack::new(116, &["a.n116.test"], &["a.n116.test", "b.n116.test"]);
    let files = tempfile::tempdir().unwrap();
    let other = Web::start(117, files.path());
    let named = &attack.named;
    let container = named.container();
    let asked = [("http WEB b.n116.test", "403"), ("https WEB b.n116.test", "alert")];
    attack.in_container(&container, &asked);
    let load = exec_in_background(&named.host.project, &container, &["python3", "-c", LOAD, "a.n116.test"]);
    wait::until("it asks", Duration::from_secs(20), || {
        let there = named.exec(&container, &["sh", "-c", "ls /tmp/asks || true"]);
        if there.contains("/tmp/asks") { Ok(()) } else { Err(there) }
    });
    for number in 0..6 {
        named.cci(&["network", "allow", &container, &format!("c{number}.n116.test"), "--for", "1h"]).ok();
        named.cci(&["network", "allow", &container, "a.n116.test:80", "--for", "1s"]).ok();
    }
    // the name moves meanwhile
    named.rename(&format!("{} a.n116.test\n{} b.n116.test\n", other.address, attack.web.address));
    named.cci(&["network", "refresh"]).ok();
    named.cci(&["network", "allow", &container, "b.n116.test", "--for", "1h"]).ok();
    attack.in_container(&container, &asked.map(|(asked, _)| (asked, "200")));
    named.exec(&container, &["touch", "/tmp/enough"]);
    let out = String::from_utf8(load.wait_with_output().unwrap().stdout).unwrap();
    let counts: Vec<u64> = out.split_whitespace().take(2).map(|count| count.parse().unwrap()).collect();
    let [asked, failed] = counts[..] else { panic!("{out}") };
    assert!(asked > 100, "{asked} requests are too few to prove anything");
    assert_eq!(failed, 0, "of {asked} requests: {out}");
}
