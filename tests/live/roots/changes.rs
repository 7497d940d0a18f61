//! Whether a container has changed: by whatever is in its own file system, and by nothing else.

use std::time::{Duration, Instant};

use cci_engine::checkpoint::watch::{Ended, Look, Standstill, Watch};

use super::world::{block_on, booted, context, host, inside, session};
use crate::support::figures;
use crate::support::host::Host;
use crate::support::screen::Screen;
use crate::support::wait;

const LONG: Duration = Duration::from_secs(60);

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
        let Ended { stood_still, state, watch } = standstill.end().await;
        assert!(stood_still);
        between();
        let mut watch = watch.unwrap();
        let began = Instant::now();
        let changed = watch.look(&cx, at, None).await.unwrap() == Look::Changed;
        figures::note(&format!("changed: {changed} after {:?}", began.elapsed()));
        // what the file system was says the same, or nothing
        assert!(!changed || watch.look(&cx, at, state).await.unwrap() == Look::Changed);
        changed
    })
}

#[test]
fn what_is_in_a_subvolume_of_the_container_is_never_taken_for_unchanged() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    let make =
        "my $new = pack 'q a4088', 0, 'sub'; open my $opt, '<', '/opt' or die; ioctl $opt, 0x5000940e, $new or die $!";
    inside(&host, &name, &format!("perl -e \"{}\"", make.replace('$', "\\$")));
    assert!(changes(&host, &name, || drop(inside(&host, &name, "echo x >/opt/sub/file"))));
    let cx = context(&host);
    let ended = block_on(async { Standstill::begin(&cx, &name).await.unwrap().unwrap().end().await });
    assert_eq!(ended.state, None);
}

/// The same, where only what the root file system was can say that nothing has: each file is newer than the epoch.
fn is_what_it_was(host: &Host, name: &str, between: impl FnOnce()) -> bool {
    let cx = context(host);
    inside(host, name, "sync -f /");
    block_on(async {
        // on a busy machine nobody can say in time what it is
        let mut tries = 1..100;
        let ended = loop {
            let ended = Standstill::begin(&cx, name).await.unwrap().unwrap().end().await;
            if ended.state.is_some() {
                break ended;
            }
            tries.next().expect("nobody says what it is");
        };
        between();
        let look = ended.watch.unwrap().look(&cx, jiff::Timestamp::UNIX_EPOCH, ended.state.clone()).await.unwrap();
        assert!(look == Look::Changed || look == Look::Same(ended.state));
        look != Look::Changed
    })
}

#[test]
fn no_file_is_looked_at_where_the_file_system_is_what_it_was() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    inside(&host, &name, "head -c 64K /dev/zero >/var/mapped; echo x >/var/there; echo x >/dev/shm/there; sync -f /");
    // the first look reads programs, whose time of access is noted once a day; a late answer is none
    let same = |between: &dyn Fn()| {
        wait::until("it is what it was", LONG, || {
            if is_what_it_was(&host, &name, between) { Ok(()) } else { Err("it has changed".to_owned()) }
        });
    };
    same(&|| ());
    same(&|| drop(inside(&host, &name, "echo y >/dev/shm/there; echo x >/workspace/x")));
    for script in
        ["echo y >>/var/there", "chmod 600 /var/there", "setfattr -n user.a -v b /var/there || touch /var/there"]
    {
        assert!(!is_what_it_was(&host, &name, || drop(inside(&host, &name, script))), "{script}");
    }
    // what writes to a page that is not on the disk yet tells the file system nothing
    let writer = "import mmap, os, time
page = mmap.mmap(os.open('/var/mapped', os.O_RDWR), 4096); page[0] = 1; os.mkdir('/run/mapped')
while True: page[0] = (page[0] + 1) % 256; time.sleep(0.005)";
    let mapped = format!(
        "setsid python3 -c \"{writer}\" </dev/null >/dev/null 2>&1 & until [ -d /run/mapped ]; do sleep 0.05; done"
    );
    inside(&host, &name, &mapped);
    assert!(!is_what_it_was(&host, &name, || ()), "a mapped page");
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
