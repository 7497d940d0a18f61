//! Mode learn: as restricted, and afterwards it is known what was asked for.

use std::time::Duration;

use serde_json::Value;

use super::by_name::{check, named, rows, run};
use super::configure;
use super::resolver::name_server;
use crate::support::internet::NEAR;
use crate::support::schema;
use crate::support::wait;
use crate::support::web::Web;

#[test]
fn what_a_session_asked_for_becomes_an_allowlist_with_which_it_passes() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(63, dir.path());
    let at = &web.address;
    let (server, _) = name_server(79, at);
    let named = named(&[], "");
    let config = named.host.dir("home/.config/cci").join("config.toml");
    std::fs::write(&config, format!("[network]\nallowed_domains = []\nresolver = \"{server}\"\n")).unwrap();
    let (by_https, by_http) = (format!("https {at} one.n63.example"), format!("http {at} two.n63.example"));
    let session = rows(&[(&by_https, "200"), (&by_http, "200")]);
    check(&named.cci(&run(&["--network", "learn"], &session)).ok().stdout, &session);
    // it is no more open than restricted, and what has no name does not get through unseen
    let closed = rows(&[
        (&format!("http {} one.n63.example", NEAR[0]), "refused"),
        (&format!("https {} one.n63.example", NEAR[4]), "refused"),
        (&format!("https {at} -"), "alert"),
        (&format!("http {at} {at}"), "403"),
        (&format!("quic {at} -"), "refused"),
    ]);
    check(&named.cci(&run(&["--network", "learn"], &closed)).ok().stdout, &closed);

    wait::until("it is recorded", Duration::from_secs(10), || {
        let learnt = named.cci(&["network", "learn", "--format=json"]).ok();
        let json: Value = serde_json::from_str(&learnt.stdout).unwrap();
        schema::check(&named.host, "network-learn", &json);
        let entries: Vec<&str> =
            json["hosts"].as_array().unwrap().iter().filter_map(|host| host["entry"].as_str()).collect();
        let is_all = entries == ["one.n63.example:443", "two.n63.example:80"] && json["nameless"].as_u64() >= Some(2);
        if is_all { Ok(()) } else { Err(learnt.stdout) }
    });
    let written = named.cci(&["network", "learn", "--write", "user"]).ok();
    assert!(written.stdout.contains("has 2 entries more"), "{written}");
    let listed = std::fs::read_to_string(&config).unwrap();
    check(&named.cci(&run(&["--network", "allowlist"], &session)).ok().stdout, &session);
    // with one name less it does not
    for (entry, less) in [
        ("one.n63.example:443", rows(&[(&by_https, "alert"), (&by_http, "200")])),
        ("two.n63.example:80", rows(&[(&by_https, "200"), (&by_http, "403")])),
    ] {
        assert!(listed.contains(entry), "{listed}");
        std::fs::write(&config, listed.replace(entry, "other.n63.example:80")).unwrap();
        check(&named.cci(&run(&["--network", "allowlist"], &less)).ok().stdout, &less);
    }
}

#[test]
fn what_only_the_host_or_its_network_knows_is_neither_told_nor_learned() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(80, dir.path());
    let (at, (server, _)) = (&web.address, name_server(81, NEAR[0]));
    let named = named(&[], &format!("{at} pinned.n80.example\n{} near.n80.example\n", NEAR[0]));
    configure(&named.host, "mode = \"learn\"");
    // names of the host's own table, and of its network
    let host = rows(&[
        (&format!("http {at} pinned.n80.example"), "502"),
        (&format!("https {at} pinned.n80.example"), "alert"),
        (&format!("http {at} near.n80.example"), "502"),
        (&format!("http {at} printer.local"), "502"),
    ]);
    check(&named.cci(&run(&[], &host)).ok().stdout, &host);
    // a public name that leads near, as a split horizon answers it
    configure(&named.host, &format!("mode = \"learn\"\nresolver = \"{server}\""));
    let split = rows(&[(&format!("http {at} split.n80.example"), "502")]);
    check(&named.cci(&run(&[], &split)).ok().stdout, &split);
    wait::until("it is recorded", Duration::from_secs(10), || {
        let learnt = named.cci(&["network", "learn", "--format=json"]).ok();
        let json: Value = serde_json::from_str(&learnt.stdout).unwrap();
        let hosts = json["hosts"].as_array().unwrap();
        let is_all = hosts.len() == 1
            && hosts[0]["entry"] == "split.n80.example:80,443"
            && hosts[0]["odd"][0] == "near"
            && hosts[0]["suspect"] == true;
        if is_all { Ok(()) } else { Err(learnt.stdout) }
    });
    let written = named.cci(&["network", "learn", "--write", "user"]).ok();
    assert!(written.stdout.contains("leads where no name may, and was left out"), "{written}");
    let config = std::fs::read_to_string(named.host.home.join(".config/cci/config.toml")).unwrap();
    assert!(!config.contains("n80"), "{config}");
}
