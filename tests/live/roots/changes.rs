//! Whether a container has changed: by whatever is in its own file system, and by nothing else.

use std::time::{Duration, Instant};

use cci_engine::checkpoint::watch::Watch;

use super::world::{block_on, booted, context, host, inside, session};
use crate::support::figures;
use crate::support::host::Host;
use crate::support::screen::Screen;
use crate::support::wait;

/// Whether anything has changed since a standstill, after this was done in the container.
fn changes(host: &Host, name: &str, between: impl FnOnce()) -> bool {
    let cx = context(host);
    block_on(async {
        let watch = Watch::open(&cx, name).await.unwrap().unwrap();
        let standstill = watch.still().await.unwrap();
        let at = standstill.at;
        // as long as the quickest snapshot, and longer than the clock of file systems stands still
        wait::until("the clock of file systems has moved on", Duration::from_secs(5), || {
            let apart = jiff::Timestamp::now().duration_since(at).as_millis();
            if apart > 20 { Ok(()) } else { Err(String::new()) }
        });
        let (held, watch) = standstill.end().await;
        assert!(held);
        between();
        let began = Instant::now();
        let changed = watch.unwrap().changed(&cx, at).await.unwrap();
        figures::note(&format!("changed: {changed} after {:?}", began.elapsed()));
        changed
    })
}

#[test]
fn what_cci_and_an_idle_system_do_is_no_change() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    assert!(!changes(&host, &name, || ()));
    let looked = || {
        host.cci(&["container", "exec", &name, "--", "true"]).ok();
        host.cci(&["list"]).ok();
        let screen = Screen::open(&host);
        screen.enter(&format!("cci attach {name}"));
        screen.wait_for("code@", Duration::from_secs(30));
        screen.close();
    };
    assert!(!changes(&host, &name, looked), "execs and an attach");
    let elsewhere =
        "echo x >/workspace/file; echo x >/home/code/.claude/file; echo x >/run/file; echo x >/dev/shm/file";
    assert!(!changes(&host, &name, || drop(inside(&host, &name, elsewhere))), "what is held otherwise");
}

#[test]
fn whatever_is_done_to_a_file_of_its_own_is_a_change() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    inside(&host, &name, "touch /etc/there /usr/local/there; head -c 4M /dev/zero >/var/large; sync -f /var/large");
    let done = [
        "echo x >>/etc/there",
        // what a file system notes of itself only once it is on the disk
        "printf y | dd of=/var/large bs=1 seek=5000 conv=notrunc",
        "chmod 600 /usr/local/there",
        // the time of a change cannot be set back
        "echo x >/home/code/new; touch -d 2020-01-01 /home/code/new",
        "mv /usr/share/doc/bash /usr/share/doc/moved",
        "rm /etc/there",
        "ln -s /etc /tmp/link",
        "mkdir $'/opt/a\\nb *['",
    ];
    for script in done {
        assert!(changes(&host, &name, || drop(inside(&host, &name, script))), "{script}");
    }
}
