//! Single services that `network.hosts` opens: each is reached by its name on its ports, and nothing beside it is.

use super::by_name::{check, named, rows, run};
use super::{PROBE, configure, read};
use crate::support::internet::{self, HOST_SIDE, NEAR};
use crate::support::web::Web;

#[test]
fn a_listed_service_is_reached_on_its_port_and_nothing_beside_it() {
    let (port, other) = (internet::serve(), internet::serve());
    let (here, also_here) = (internet::serve_on_host("0.0.0.0"), internet::serve_on_host("0.0.0.0"));
    let named = named(&[], "");
    std::fs::write(named.host.proj.join("probe.py"), PROBE).unwrap();
    let hosts = format!(
        "hosts = [{{ name = \"db.n70.test\", address = \"{}\", ports = [{port}] }}, \
         {{ name = \"here.n70.test\", address = \"host\", ports = [{here}] }}]",
        NEAR[0]
    );
    let reached = [
        format!("tcp {} {port}", NEAR[0]),
        format!("udp {} {port}", NEAR[0]),
        format!("tcp gateway {here}"),
        format!("udp gateway {here}"),
    ];
    let by_name = [
        format!("tcp db.n70.test {port}"),
        format!("udp db.n70.test {port}"),
        format!("tcp here.n70.test {here}"),
        "name db.n70.test 1".to_owned(),
        "name here.n70.test 1".to_owned(),
    ];
    let closed = [
        format!("tcp {} {other}", NEAR[0]),
        format!("udp {} {other}", NEAR[0]),
        format!("icmp {} 0", NEAR[0]),
        format!("tcp {} {port}", NEAR[1]),
        format!("tcp {} {port}", NEAR[2]),
        format!("tcp {} {port}", NEAR[4]),
        format!("tcp gateway {also_here}"),
        format!("tcp {HOST_SIDE} {here}"),
        format!("tcp {HOST_SIDE} {also_here}"),
    ];
    let nameless =
        ["name db.n70.test 28".to_owned(), "name db.n70.test 16".to_owned(), "name x.db.n70.test 1".to_owned()];
    let asked: Vec<&String> = reached.iter().chain(&by_name).chain(&closed).chain(&nameless).collect();
    let probe = || {
        let words = ["run", "--", "sudo", "python3", "/workspace/probe.py"].into_iter();
        read(&named.cci(&words.chain(asked.iter().map(|asked| asked.as_str())).collect::<Vec<_>>()).ok().stdout)
    };
    for mode in [
        "mode = \"restricted\"",
        "mode = \"allowlist\"\nallowed_domains = [\"198.51.100.12\"]",
        "mode = \"allowlist\"\nallowed_domains = [\"listed.n70.test\"]",
        "mode = \"learn\"",
    ] {
        configure(&named.host, &format!("{mode}\n{hosts}"));
        let seen = probe();
        let open: Vec<&String> = asked.iter().copied().filter(|asked| seen[*asked]).collect();
        assert_eq!(open, reached.iter().chain(&by_name).collect::<Vec<_>>(), "{mode}");
    }
    // each of these refusals is the policy's
    configure(&named.host, "mode = \"open\"");
    let seen = probe();
    let open: Vec<&String> = asked.iter().copied().filter(|asked| seen[*asked]).collect();
    assert_eq!(open, reached.iter().chain(&closed).collect::<Vec<_>>());
}

#[test]
fn where_names_are_judged_a_service_is_reached_by_its_name_only() {
    let dir = tempfile::tempdir().unwrap();
    let [web, neighbour] = ["10.99.1.71", "10.99.1.72"].map(|at| Web::at(internet::another_address(at), dir.path()));
    let public = Web::start(71, dir.path());
    let (at, near) = (&web.address, &neighbour.address);
    let table = format!("{} listed.n71.test\n{near} rebound.n71.test\n{at} again.n71.test\n", public.address);
    let named = named(&[], &table);
    let hosts = format!(
        "hosts = [{{ name = \"web.n71.test\", address = \"{at}\", ports = [80, 443] }}, {{ name = \"plain.n71.test\", address = \"{near}\", ports = [80] }}]"
    );
    let list =
        "mode = \"allowlist\"\nallowed_domains = [\"listed.n71.test\", \"rebound.n71.test\", \"again.n71.test\"]";
    configure(&named.host, &format!("{list}\n{hosts}"));
    let wanted = rows(&[
        ("http web.n71.test web.n71.test", "200"),
        ("https web.n71.test web.n71.test", "200"),
        ("http listed.n71.test listed.n71.test", "200"),
        ("http plain.n71.test plain.n71.test", "200"),
        // the same server by another name, and by none
        ("http web.n71.test other.n71.test", "403"),
        ("https web.n71.test other.n71.test", "alert"),
        ("https web.n71.test -", "alert"),
        // a name that is no service leads to no private address, even to this one
        ("http web.n71.test again.n71.test", "403"),
        ("https listed.n71.test rebound.n71.test", "alert"),
        // a port that is not the service's
        ("https plain.n71.test plain.n71.test", "alert"),
        ("other web.n71.test -", "refused"),
        ("quic web.n71.test -", "refused"),
    ]);
    check(&named.cci(&run(&[], &wanted)).ok().stdout, &wanted);

    let container = named.container();
    let why = |host: &str| named.cci(&["network", "why", host, "--from", &container]);
    assert!(why("web.n71.test").ok().stdout.contains("allowed: network.hosts, on port 80,443"));
    assert!(why("web.n71.test:443").ok().stdout.contains("allowed: web.n71.test:80,443, by the name in the request"));
    assert!(why("plain.n71.test:443").stdout.contains("refused: plain.n71.test:80 is for other ports"));
    let shown = named.cci(&["network", "show", &container]).ok().stdout;
    assert!(shown.contains("web.n71.test:80,443") && shown.contains(at.as_str()), "{shown}");

    let open = rows(&[(&format!("http {at} other.n71.test"), "200"), (&format!("https {near} -"), "200")]);
    check(&named.cci(&run(&["--network", "open"], &open)).ok().stdout, &open);
}
