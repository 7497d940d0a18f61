//! Mode learn: as restricted, and afterwards it is known what was asked for.

use std::time::Duration;

use serde_json::Value;

use super::by_name::{check, named, rows, run};
use crate::support::internet::NEAR;
use crate::support::schema;
use crate::support::wait;
use crate::support::web::Web;

#[test]
fn what_a_session_asked_for_becomes_an_allowlist_with_which_it_passes() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(63, dir.path());
    let at = &web.address;
    let named = named(&[], &["one", "two"].map(|name| format!("{at} {name}.n63.test\n")).concat());
    let config = named.host.dir("home/.config/cci").join("config.toml");
    std::fs::write(&config, "[network]\nmode = \"learn\"\nallowed_domains = []\n").unwrap();
    let (by_https, by_http) = (format!("https {at} one.n63.test"), format!("http {at} two.n63.test"));
    let session = rows(&[(&by_https, "200"), (&by_http, "200")]);
    check(&named.cci(&run(&[], &session)).ok().stdout, &session);
    // it is no more open than restricted, and what has no name does not get through unseen
    let closed = rows(&[
        (&format!("http {} one.n63.test", NEAR[0]), "refused"),
        (&format!("https {} one.n63.test", NEAR[4]), "refused"),
        (&format!("https {at} -"), "alert"),
        (&format!("http {at} {at}"), "403"),
        (&format!("quic {at} -"), "refused"),
    ]);
    check(&named.cci(&run(&[], &closed)).ok().stdout, &closed);

    wait::until("it is recorded", Duration::from_secs(10), || {
        let learnt = named.cci(&["network", "learn", "--format=json"]).ok();
        let json: Value = serde_json::from_str(&learnt.stdout).unwrap();
        schema::check(&named.host, "network-learn", &json);
        let entries: Vec<&str> =
            json["hosts"].as_array().unwrap().iter().filter_map(|host| host["entry"].as_str()).collect();
        let is_all = entries == ["one.n63.test:443", "two.n63.test:80"] && json["nameless"].as_u64() >= Some(2);
        if is_all { Ok(()) } else { Err(learnt.stdout) }
    });
    let written = named.cci(&["network", "learn", "--write", "user"]).ok();
    assert!(written.stdout.contains("has 2 entries more"), "{written}");
    let listed = std::fs::read_to_string(&config).unwrap();
    check(&named.cci(&run(&["--network", "allowlist"], &session)).ok().stdout, &session);
    // with one name less it does not
    for (entry, less) in [
        ("one.n63.test:443", rows(&[(&by_https, "alert"), (&by_http, "200")])),
        ("two.n63.test:80", rows(&[(&by_https, "200"), (&by_http, "403")])),
    ] {
        assert!(listed.contains(entry), "{listed}");
        std::fs::write(&config, listed.replace(entry, "other.n63.test:80")).unwrap();
        check(&named.cci(&run(&["--network", "allowlist"], &less)).ok().stdout, &less);
    }
}
