//! An agent that asks its person for a host, from a container.

use std::time::Duration;

use super::by_name::{PROGRAM, named, read};
use crate::support::wait;
use crate::support::web::Web;

/// The command as the image has it, whatever image the test runs in.
const CCI_WHY: &str = include_str!("../../../build-scripts/cci-why");

#[test]
fn a_host_that_the_agent_asks_for_is_its_persons_to_allow() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(68, dir.path());
    let named = named(&["listed.n62.test"], &format!("{0} listed.n62.test\n{0} new.n62.test\n", web.address));
    let config = named.host.home.join(".config/cci/config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, settings.replace("mode = \"allowlist\"", "mode = \"allowlist\"\nask = true")).unwrap();
    std::fs::write(named.host.proj.join("cci-why"), CCI_WHY).unwrap();
    let container = named.container();
    let why = |args: &[&str]| {
        let command = [&["sh", "-c", "sh /workspace/cci-why \"$@\" 2>&1 || true", "sh"][..], args].concat();
        named.exec(&container, &command)
    };
    let asks = "http listed.n62.test new.n62.test";
    let ask = || read(&named.exec(&container, &["python3", PROGRAM, asks])).remove(asks).unwrap_or_default();
    assert_eq!(ask(), "403");
    let allow = format!("cci network allow {container} new.n62.test:80");
    let told = why(&[]);
    assert!(told.contains("no rule allows new.n62.test:80") && told.contains(&allow), "{told}");
    let told = why(&["listed.n62.test:80"]);
    assert!(told.contains("allowed: the rule listed.n62.test allows listed.n62.test:80"), "{told}");
    let told = why(&["new.n62.test"]);
    assert!(told.contains("refused: no rule allows new.n62.test:443"), "{told}");

    let told = why(&["--ask", "new.n62.test:80", "the", "tests", "need", "it"]);
    assert!(told.contains(&format!("can allow it: {allow}")), "{told}");
    wait::until("the request is shown", Duration::from_secs(10), || {
        let log = named.cci(&["network", "log", &container]).ok().stdout;
        let line = format!("asks for  new.n62.test:80 (the tests need it): `{allow}`");
        if log.contains(&line) { Ok(()) } else { Err(log) }
    });
    assert_eq!(ask(), "403", "asking allows nothing");
    named.cci(&["network", "allow", &container, "new.n62.test:80"]).ok();
    assert_eq!(ask(), "200");
    assert!(why(&["--ask", "new.n62.test:80"]).contains("It is allowed."));
}
