//! A process that pretends to be cci's own watch, or hides its threads, stands still as all others do.

use std::process::Command;
use std::time::Duration;

use cci_engine::checkpoint::watch::Standstill;

use super::world::{block_on, booted, context, host, inside, session};
use crate::support::host::{Host, exec_in_background};
use crate::support::wait;

/// Counts in a file under a name of its own; with `hidden` in a second thread, after the first one has ended.
const COUNT: &str = r#"
import ctypes, sys, threading, time
libc = ctypes.CDLL(None)
name, how = sys.argv[1], sys.argv[2]
libc.prctl(15, name.encode(), 0, 0, 0)
def count():
    n = 0
    while True:
        n += 1
        with open(f"/tmp/count-{name}-{how}", "w") as file: file.write(str(n))
        time.sleep(0.01)
if how == "hidden":
    threading.Thread(target=count).start()
    libc.syscall(60, 0)
count()
"#;

/// How far it is: asked from outside, because a process that is started in the container would run.
fn count(host: &Host, name: &str, file: &str) -> String {
    let pull = ["file", "pull", "--project", &host.project, &format!("{name}/tmp/count-{file}"), "-"];
    String::from_utf8_lossy(&Command::new("incus").args(pull).output().unwrap().stdout).into_owned()
}

#[test]
fn whoever_pretends_to_be_the_watch_stands_still_and_keeps_nothing_from_doing_so() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    std::fs::write(host.proj.join("count.py"), COUNT).unwrap();
    let start = |pretender: &str, how: &str| {
        let line = format!("setsid python3 /workspace/count.py {pretender} {how} >/dev/null 2>&1 &");
        inside(&host, &name, &line);
    };
    start("cci-still", "root");
    start("cci-watch", "root");
    start("honest", "hidden");
    inside(
        &host,
        &name,
        "setsid setpriv --reuid=1000 --regid=1000 --clear-groups python3 /workspace/count.py cci-still code >/dev/null 2>&1 &",
    );
    // whose parent is not seen in the container, as that of a watch
    let words = ["python3", "/workspace/count.py", "cci-still", "exec"];
    let mut attached = exec_in_background(&host.project, &name, &words);
    let all = ["cci-still-root", "cci-watch-root", "honest-hidden", "cci-still-code", "cci-still-exec"];
    let moves = |file: &str| {
        let before = count(&host, &name, file);
        wait::until(&format!("{file} counts"), Duration::from_secs(30), || {
            let now = count(&host, &name, file);
            if now.len() > 1 && now != before { Ok(()) } else { Err(now) }
        });
    };
    let counts = || all.map(|file| count(&host, &name, file));
    all.into_iter().for_each(moves);
    let cx = context(&host);
    block_on(async {
        for _ in 0..3 {
            let standstill = Standstill::begin(&cx, &name).await.unwrap().expect("nobody keeps it from standing still");
            // all before it ends by itself: these five take a quarter of a second
            let (one, other) = (counts(), counts());
            assert!(standstill.end().await.stood_still, "it lasted");
            assert_eq!(one, other, "one of {all:?} counts on");
            all.into_iter().for_each(moves);
        }
    });
    attached.kill().unwrap();
    attached.wait().unwrap();
}
