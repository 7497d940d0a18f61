//! An allowlist by name: what is listed is reached, whatever else lives at its address is not, and nothing is while nobody
//! judges.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::names::Named;
use super::network_of;
use crate::support::host::{incus, supervisor};
use crate::support::internet::NEAR;
use crate::support::wait;
use crate::support::web::Web;

pub(super) const ASK: &str = include_str!("by_name.py");
pub(super) const PROGRAM: &str = "/workspace/by_name.py";

/// A host with these entries and names, and the program that asks.
pub(super) fn named(allowed: &[&str], table: &str) -> Named {
    let named = Named::new(allowed, table);
    std::fs::write(named.host.proj.join("by_name.py"), ASK).unwrap();
    named
}

/// What came of each question that a program printed.
pub(super) fn read(printed: &str) -> BTreeMap<String, String> {
    let line = |line: &str| line.split_once(": ").map(|(asked, outcome)| (asked.to_owned(), outcome.to_owned()));
    printed.lines().filter_map(line).collect()
}

/// Whether each question had the outcome that it has to have.
#[track_caller]
pub(super) fn check(printed: &str, wanted: &[(String, &str)]) {
    let seen = read(printed);
    let wrong: Vec<String> = wanted
        .iter()
        .filter(|(asked, outcome)| seen.get(asked).is_none_or(|seen| seen != outcome))
        .map(|(asked, outcome)| format!("{asked}: {:?} and not {outcome}", seen.get(asked)))
        .collect();
    assert!(wrong.is_empty(), "{}\n{printed}", wrong.join("\n"));
}

/// A command that asks all of it in a container of its own.
pub(super) fn run<'a>(network: &'a [&'a str], wanted: &'a [(String, &str)]) -> Vec<&'a str> {
    let asked = wanted.iter().map(|(asked, _)| asked.as_str());
    ["run"].into_iter().chain(network.iter().copied()).chain(["--", "python3", PROGRAM]).chain(asked).collect()
}

pub(super) fn rows(rows: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    rows.iter().map(|(asked, outcome)| ((*asked).to_owned(), *outcome)).collect()
}

#[test]
fn a_listed_name_is_reached_and_nothing_else_at_its_address() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(40, dir.path());
    let at = &web.address;
    let table =
        ["listed", "unlisted", "plain", "a.wild", "a.b.wild", "wild"].map(|name| format!("{at} {name}.n1.test\n"));
    let table = table.concat() + &format!("{} rebound.n1.test\n", NEAR[0]);
    let named =
        named(&["listed.n1.test", "plain.n1.test:80", "*.wild.n1.test:443", "rebound.n1.test", "203.0.113.1"], &table);
    let wanted = rows(&[
        ("https listed.n1.test listed.n1.test", "200"),
        ("http listed.n1.test listed.n1.test", "200"),
        ("twice listed.n1.test listed.n1.test,plain.n1.test", "200 200"),
        ("http plain.n1.test plain.n1.test", "200"),
        ("https a.wild.n1.test a.wild.n1.test", "200"),
        ("https a.b.wild.n1.test a.b.wild.n1.test", "200"),
        // the same server, by another name
        ("https listed.n1.test unlisted.n1.test", "alert"),
        ("http listed.n1.test unlisted.n1.test", "403"),
        ("twice listed.n1.test listed.n1.test,unlisted.n1.test", "200 403"),
        ("https plain.n1.test plain.n1.test", "alert"),
        ("http a.wild.n1.test a.wild.n1.test", "403"),
        ("https listed.n1.test wild.n1.test", "alert"),
        ("https listed.n1.test rebound.n1.test", "alert"),
        // by its address, or without a name
        (&format!("https {at} listed.n1.test"), "200"),
        (&format!("https {at} -"), "alert"),
        (&format!("http {at} {at}"), "403"),
        (&format!("http {at} -"), "400"),
        ("https listed.n1.test -", "alert"),
        // ways around
        ("quic listed.n1.test -", "refused"),
        ("https unlisted.n1.test unlisted.n1.test", "unknown"),
        ("https wild.n1.test wild.n1.test", "unknown"),
        ("https rebound.n1.test rebound.n1.test", "unknown"),
        (&format!("http {} listed.n1.test", NEAR[0]), "refused"),
        (&format!("https {} listed.n1.test", NEAR[4]), "refused"),
    ]);
    let out = named.cci(&run(&[], &wanted)).ok();
    check(&out.stdout, &wanted);
    // each of these refusals is the policy's: in mode open the server answers to any name
    let open = rows(&[
        (&format!("https {at} unlisted.n1.test"), "200"),
        (&format!("http {at} unlisted.n1.test"), "200"),
        (&format!("twice {at} listed.n1.test,unlisted.n1.test"), "200 200"),
        (&format!("https {at} -"), "200"),
    ]);
    let out = named.cci(&run(&["--network", "open"], &open)).ok();
    check(&out.stdout, &open);
}

#[test]
fn below_a_wildcard_there_is_an_address_and_nothing_else() {
    let named = named(&["*.wild.n5.test"], "");
    let container = named.container();
    let gateway = named.exec(&container, &["sh", "-c", "ip route show default | head -n 1 | cut -d' ' -f3"]);
    for transport in ["udp", "tcp"] {
        for (name, kind, answer) in [
            ("a.wild.n5.test", "1", "rcode 0 answers 1"),
            ("a.b.wild.n5.test", "1", "rcode 0 answers 1"),
            ("a.wild.n5.test", "28", "rcode 0 answers 0"),
            ("a.wild.n5.test", "16", "rcode 0 answers 0"),
            ("6578666c.wild.n5.test", "16", "rcode 0 answers 0"),
            ("wild.n5.test", "1", "rcode 3 answers 0"),
            ("awild.n5.test", "1", "rcode 3 answers 0"),
        ] {
            let asked = ["python3", "-c", super::names::ASK, gateway.trim(), name, kind, transport];
            assert_eq!(named.exec(&container, &asked).trim(), answer, "{name} {kind} {transport}");
        }
    }
    let reached = ["python3", PROGRAM, "other a.wild.n5.test -", "quic a.wild.n5.test -"];
    check(
        &named.exec(&container, &reached),
        &rows(&[("other a.wild.n5.test -", "refused"), ("quic a.wild.n5.test -", "refused")]),
    );
}

#[test]
fn it_is_closed_while_nobody_judges_and_as_before_when_somebody_does() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(41, dir.path());
    let named = named(&["listed.n2.test"], &format!("{0} listed.n2.test\n{0} unlisted.n2.test\n", web.address));
    let container = named.container();
    let home: &Path = &named.host.home;
    let open = rows(&[
        ("https listed.n2.test listed.n2.test", "200"),
        ("https listed.n2.test unlisted.n2.test", "alert"),
        ("http listed.n2.test unlisted.n2.test", "403"),
    ]);
    let closed = rows(&[
        ("https listed.n2.test listed.n2.test", "refused"),
        ("http listed.n2.test listed.n2.test", "refused"),
        (&format!("https {} listed.n2.test", web.address), "refused"),
    ]);
    let ask = |wanted: &[(String, &str)]| {
        let asked = wanted.iter().map(|(asked, _)| asked.as_str());
        named.exec(&container, &["python3", PROGRAM].into_iter().chain(asked).collect::<Vec<_>>())
    };
    check(&ask(&open), &open);

    supervisor::kill(home);
    let began = Instant::now();
    check(&ask(&closed), &closed);
    assert!(began.elapsed() < Duration::from_secs(3), "it is refused at once");

    named.cci(&["list"]).ok();
    supervised(&named, &container);
    check(&ask(&open), &open);

    // the container goes through a start without cci
    incus(&["restart", "--project", &named.host.project, &container]);
    wait::until("it is reached after a reboot", Duration::from_secs(60), || {
        let printed = ask(&open);
        if read(&printed)[&open[0].0] == "200" { Ok(()) } else { Err(printed) }
    });
    check(&ask(&open), &open);
    supervisor::kill(home);
    check(&ask(&closed), &closed);
}

#[test]
fn a_container_by_itself_is_judged_too_and_again_after_its_stop() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(42, dir.path());
    let named = named(&["listed.n3.test:443"], &format!("{0} listed.n3.test\n", web.address));
    let name = format!("{}box", named.host.prefix);
    let image = crate::support::host::image();
    named.cci(&["container", "launch", &image, &name]).ok();
    let program = named.host.proj.join("by_name.py");
    incus(&[
        "file",
        "push",
        "--project",
        &named.host.project,
        program.to_str().unwrap(),
        &format!("{name}/root/ask.py"),
    ]);
    let reached = |when: &str| {
        let asked = "https listed.n3.test listed.n3.test";
        wait::until(when, Duration::from_secs(60), || {
            let printed = named.exec(&name, &["python3", "/root/ask.py", asked]);
            if read(&printed)[asked] == "200" { Ok(()) } else { Err(printed) }
        });
    };
    reached("it is reached");
    named.cci(&["container", "stop", "--force", &name]).ok();
    supervisor::kill(&named.host.home);
    named.cci(&["container", "start", &name]).ok();
    reached("it is reached again");
    named.cci(&["container", "delete", "--force", &name]).ok();
}

#[test]
fn who_runs_it_is_told_which_name_decides() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(43, dir.path());
    let named = named(&["listed.n4.test:443"], &format!("{0} listed.n4.test\n{0} unlisted.n4.test\n", web.address));
    let container = named.container();
    let shown = named.cci(&["network", "show", &container]).ok();
    assert!(shown.stdout.contains("on ports 80 and 443:\n  allow listed.n4.test:443\n"), "{shown}");
    for (host, because) in [
        ("listed.n4.test:443", "allowed: listed.n4.test:443, by the name in the request, on port 443"),
        ("listed.n4.test:80", "refused: listed.n4.test:443 is for other ports"),
        ("unlisted.n4.test:443", "refused: not in allowed_domains"),
    ] {
        let why = named.cci(&["network", "why", host, "--from", &container]).ok();
        assert!(why.stdout.contains(because), "{host}: {why}");
    }
    named.exec(&container, &["python3", PROGRAM, "https listed.n4.test unlisted.n4.test"]);
    wait::until("the refusal is in the log", Duration::from_secs(10), || {
        let logs = named.cci(&["supervisor", "logs"]).ok().stdout;
        if logs.contains("refused: no rule allows unlisted.n4.test:443") { Ok(()) } else { Err(logs) }
    });
    // what was made for it goes with it
    let network = network_of(&named.host, &container);
    let rules = || std::process::Command::new("nft").args(["list", "table", "inet", &network]).output().unwrap();
    assert!(String::from_utf8_lossy(&rules().stdout).contains("redirect to :28443"));
    named.cci(&["kill", &container]).ok();
    named.host.wait_until_gone();
    wait::until("the rules are gone", Duration::from_secs(30), || {
        if rules().status.success() { Err("they are there".to_owned()) } else { Ok(()) }
    });
}

/// Waits until somebody judges the container's connections again.
pub(super) fn supervised(named: &Named, container: &str) {
    wait::until("a supervisor is there again", Duration::from_secs(20), || {
        let status = named.cci(&["supervisor", "status"]).ok().stdout;
        if status.contains(container) && !status.contains("out of reach") { Ok(()) } else { Err(status) }
    });
}

/// Runs a program of the container's in a container of Docker's, which has the container's programs and nothing else.
const IN_DOCKER: &str = "set -e; for n in {1..100}; do docker info > /dev/null 2>&1 && break; sleep 0.2; done
docker image inspect tiny > /dev/null 2>&1 || {
    mkdir -p /tmp/image/{usr,tmp}; cd /tmp/image; ln -s usr/bin bin; ln -s usr/lib lib; ln -s usr/lib64 lib64
    tar -c . | docker import - tiny > /dev/null
}
exec docker run --rm -v /usr:/usr:ro -v /workspace:/workspace:ro tiny python3 \"$@\"";

#[test]
fn what_docker_runs_inside_is_judged_too() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(44, dir.path());
    let at = &web.address;
    let named = named(&["listed.n6.test"], &format!("{at} listed.n6.test\n{at} unlisted.n6.test\n"));
    let container = named.container();
    let open = rows(&[
        ("https listed.n6.test listed.n6.test", "200"),
        ("http listed.n6.test listed.n6.test", "200"),
        ("https listed.n6.test unlisted.n6.test", "alert"),
        (&format!("http {at} unlisted.n6.test"), "403"),
        ("https unlisted.n6.test unlisted.n6.test", "unknown"),
        (&format!("other {at} -"), "refused"),
        (&format!("quic {at} -"), "refused"),
    ]);
    let closed =
        rows(&[("https listed.n6.test listed.n6.test", "refused"), (&format!("http {at} listed.n6.test"), "refused")]);
    let ask = |wanted: &[(String, &str)]| {
        let asked = wanted.iter().map(|(asked, _)| asked.as_str());
        named.exec(&container, &["bash", "-c", IN_DOCKER, "bash", PROGRAM].into_iter().chain(asked).collect::<Vec<_>>())
    };
    check(&ask(&open), &open);
    supervisor::kill(&named.host.home);
    check(&ask(&closed), &closed);
    named.cci(&["list"]).ok();
    supervised(&named, &container);
    check(&ask(&open), &open);
}

#[test]
fn it_is_closed_to_whom_nobody_knows_yet() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(45, dir.path());
    let named = named(&["listed.n7.test"], &format!("{} listed.n7.test\n", web.address));
    let container = named.container();
    let asked = "http listed.n7.test listed.n7.test";
    let ask = |container: &str| {
        let printed = named.exec(container, &["python3", PROGRAM, asked]);
        read(&printed)[asked].clone()
    };
    assert_eq!(ask(&container), "200");

    // it boots while nobody judges, and is refused until somebody does
    supervisor::kill(&named.host.home);
    let incus = |args: &[&str]| {
        let exec = ["exec", "--project", &named.host.project, &container, "--"];
        std::process::Command::new("incus").args(exec).args(args).output().unwrap()
    };
    let begun = || incus(&["sh", "-c", "cut -d' ' -f22 /proc/1/stat; ip route show default"]);
    let before = begun().stdout;
    // the command ends with the container's first process, so its status says nothing
    incus(&["systemctl", "reboot", "--force"]);
    wait::until("it has booted", Duration::from_secs(60), || {
        let now = begun();
        let has_booted =
            now.status.success() && now.stdout.windows(7).any(|word| word == b"default") && now.stdout != before;
        if has_booted { Ok(()) } else { Err(format!("{now:?}")) }
    });
    assert_eq!(ask(&container), "refused");
    named.cci(&["list"]).ok();
    supervised(&named, &container);
    assert_eq!(ask(&container), "200");
}
