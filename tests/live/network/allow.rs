//! A host that is allowed while a container runs.

use std::time::{Duration, Instant};

use super::by_name::{PROGRAM, named, read};
use crate::support::host::supervisor;
use crate::support::wait;
use crate::support::web::Web;

#[test]
fn a_host_is_reached_as_soon_as_its_person_allows_it_and_as_long() {
    let dir = tempfile::tempdir().unwrap();
    let web = Web::start(66, dir.path());
    let at = &web.address;
    let table = ["listed", "new", "a.wild"].map(|name| format!("{at} {name}.n60.test\n")).concat();
    let named = named(&["listed.n60.test"], &table);
    let container = named.container();
    let ask = |asked: &str| {
        let printed = named.exec(&container, &["python3", PROGRAM, asked]);
        read(&printed).remove(asked).unwrap_or(printed)
    };
    let (by_https, by_http) = ("https new.n60.test new.n60.test", "http listed.n60.test new.n60.test");
    assert_eq!((ask(by_https), ask(by_http)), ("unknown".into(), "403".into()));

    // one connection that asks again and again: from which request on is it let through?
    let kept = "import socket, sys, time\n\
        s = socket.create_connection(('listed.n60.test', 80), 5)\n\
        open('/tmp/asks', 'w')\n\
        while True:\n    \
        s.sendall(b'HEAD / HTTP/1.1\\r\\nHost: new.n60.test\\r\\n\\r\\n')\n    \
        head = s.recv(4096)\n    \
        if not head.startswith(b'HTTP/1.1 403'): break\n    \
        time.sleep(0.01)\n\
        print(time.time(), head[9:12].decode())\n";
    let asking = std::thread::scope(|scope| {
        let asking = scope.spawn(|| named.exec(&container, &["python3", "-c", kept]));
        wait::until("it asks", Duration::from_secs(20), || {
            let there = named.exec(&container, &["sh", "-c", "ls /tmp/asks || true"]);
            if there.contains("/tmp/asks") { Ok(()) } else { Err(there) }
        });
        let allowed = named.cci(&["network", "allow", &container, "new.n60.test", "--for", "1h"]).ok();
        assert!(allowed.stdout.contains("may reach new.n60.test:80,443 until "), "{allowed}");
        let done = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let seen = asking.join().unwrap();
        let at: f64 = seen.split(' ').next().unwrap().parse().unwrap();
        assert!(at < done + 0.2, "{} s after the command", at - done);
        seen
    });
    assert!(asking.trim().ends_with(" 200"), "{asking}");
    assert_eq!((ask(by_https), ask(by_http)), ("200".into(), "200".into()), "the name resolves too");

    let why = named.cci(&["network", "why", "new.n60.test:443", "--from", &container]).ok();
    assert!(
        why.stdout.contains("allowed: new.n60.test:80,443 until ") && why.stdout.contains("network allow"),
        "{why}"
    );
    let shown = named.cci(&["network", "show", &container]).ok();
    assert!(shown.stdout.contains("by `cci network allow`:\n  allow new.n60.test:80,443 until "), "{shown}");

    // whoever takes over knows it
    supervisor::kill(&named.host.home);
    named.cci(&["list"]).ok();
    wait::until("it is reached again", Duration::from_secs(20), || {
        let outcome = ask(by_https);
        if outcome == "200" { Ok(()) } else { Err(outcome) }
    });

    // it ends by itself
    named.cci(&["network", "allow", &container, "new.n60.test", "--for", "2s"]).ok();
    let began = Instant::now();
    assert_eq!(ask(by_http), "200");
    wait::until("it is over", Duration::from_secs(15), || {
        let outcome = ask(by_http);
        if outcome == "403" { Ok(()) } else { Err(outcome) }
    });
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let why = named.cci(&["network", "why", "new.n60.test:443", "--from", &container]).ok();
    assert!(why.stdout.contains("not in allowed_domains"), "{why}");
}
