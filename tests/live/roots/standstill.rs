//! Everything in a container stands still for a moment, and nothing in it can tell.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cci_engine::checkpoint::watch::{Ended, Standstill, Watch};

use super::world::{block_on, booted, context, host, inside, session};
use crate::support::figures;
use crate::support::host::{Host, incus};
use crate::support::wait;

const SOON: Duration = Duration::from_secs(30);

/// A job in the foreground of the session's shell that counts in a file.
fn counting(host: &Host, name: &str) {
    let line = "n=0; while sleep 0.02; do n=$((n+1)); echo $n >/tmp/count; done; echo end\"\"ed";
    host.cci(&["tmux", "send", name, line]).ok();
    wait::until("the job counts", SOON, || if count(host, name) > 3 { Ok(()) } else { Err(String::new()) });
}

/// How far it is: asked from outside, because a process that is started in the container would run.
fn count(host: &Host, name: &str) -> u64 {
    let mut pull = Command::new("incus");
    pull.args(["file", "pull", "--project", &host.project, &format!("{name}/tmp/count"), "-"]).stderr(Stdio::null());
    // between two numbers the file is empty, or there is none yet
    String::from_utf8_lossy(&pull.output().unwrap().stdout).trim().parse().unwrap_or_default()
}

#[track_caller]
fn goes_on(host: &Host, name: &str, what: &str) {
    let before = count(host, name);
    wait::until(what, SOON, || {
        let now = count(host, name);
        if now > before { Ok(()) } else { Err(format!("{before}, then {now}")) }
    });
}

/// Processes that are stopped, by command.
fn stopped(host: &Host, name: &str) -> Vec<String> {
    let list = inside(host, name, "for p in /proc/[1-9]*; do grep -qs '^State:.T' $p/status && cat $p/comm; done; :");
    list.lines().map(str::to_owned).collect()
}

#[test]
fn a_shell_sees_nothing_of_it_and_what_the_user_had_stopped_stays_stopped() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    let stop = "tail -f /dev/null >/dev/null & until grep -q tail /proc/$!/comm; do sleep 0.01; done; kill -STOP $!";
    inside(&host, &name, &format!("{stop}; until grep -q '^State:.T' /proc/$!/status; do sleep 0.01; done"));
    // Incus may have run that twice
    let before = stopped(&host, &name);
    assert!(before.iter().all(|command| command == "tail") && !before.is_empty(), "{before:?}");
    counting(&host, &name);
    let cx = context(&host);
    block_on(async {
        for _ in 0..5 {
            let standstill = Standstill::begin(&cx, &name).await.unwrap().expect("it answers");
            let counted = count(&host, &name);
            assert_eq!((count(&host, &name), count(&host, &name)), (counted, counted), "it counts on");
            assert!(standstill.end().await.stood_still);
            goes_on(&host, &name, "the job goes on");
        }
    });
    assert_eq!(stopped(&host, &name), before);
    let screen = host.cci(&["tmux", "capture", &name, "--all"]).ok().stdout;
    assert!(!screen.contains("Stopped") && !screen.contains("ended"), "{screen}");
    let state = inside(&host, &name, "ps -o stat= -C sleep || ps -o stat= -C sleep");
    assert!(state.trim().ends_with('+'), "the job is in the foreground: {state}");
}

#[test]
fn processes_that_come_and_go_do_not_keep_it_from_coming_to_rest() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    let load = "while :; do (/bin/true & /bin/true | cat; wait); done";
    for _ in 0..2 {
        host.cci(&[
            "container",
            "exec",
            &name,
            "--",
            "bash",
            "-c",
            &format!("setsid bash -c '{load}' >/dev/null 2>&1 &"),
        ])
        .ok();
    }
    let cx = context(&host);
    let rounds = 60;
    let (mut ends, mut held) = (Vec::new(), 0);
    block_on(async {
        let mut watch = Watch::open(&cx, &name).await.unwrap().expect("it answers");
        for _ in 0..rounds {
            let began = Instant::now();
            let standstill = watch.still().await.expect("it comes to rest");
            let Ended { stood_still: still, watch: again, .. } = standstill.end().await;
            ends.push(began.elapsed());
            held += usize::from(still);
            watch = again.unwrap();
        }
    });
    assert_eq!(held, rounds);
    ends.sort();
    figures::note(&format!("standstill under load: {:?} median, {:?} longest", ends[rounds / 2], ends[rounds - 1]));
    assert_eq!(stopped(&host, &name), [""; 0]);
    assert_eq!(inside(&host, &name, "echo here"), "here\n");
}

#[test]
fn a_cci_that_goes_away_leaves_nothing_stopped() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    counting(&host, &name);
    let cx = context(&host);
    block_on(async {
        let standstill = Standstill::begin(&cx, &name).await.unwrap().expect("it answers");
        drop(standstill);
    });
    goes_on(&host, &name, "the container goes on by itself");
    assert_eq!(stopped(&host, &name), [""; 0]);
}

#[test]
fn one_that_lasts_too_long_ends_by_itself_and_says_so() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    counting(&host, &name);
    let cx = context(&host);
    block_on(async {
        let standstill = Standstill::begin(&cx, &name).await.unwrap().expect("it answers");
        goes_on(&host, &name, "the container goes on by itself");
        let Ended { stood_still: held, watch, .. } = standstill.end().await;
        assert!(!held);
        assert!(watch.unwrap().still().await.unwrap().end().await.stood_still, "the next one is a whole one");
    });
}

#[test]
fn two_at_once_both_end() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    counting(&host, &name);
    let (one, other) = (context(&host), context(&host));
    block_on(async {
        let round = async |cx| {
            for _ in 0..3 {
                if let Some(standstill) = Standstill::begin(cx, &name).await.unwrap() {
                    standstill.end().await;
                }
            }
        };
        tokio::join!(round(&one), round(&other));
    });
    goes_on(&host, &name, "the container goes on");
    assert_eq!(stopped(&host, &name), [""; 0]);
}

#[test]
fn a_container_that_is_going_down_is_no_error() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    let cx = context(&host);
    inside(&host, &name, "systemctl poweroff");
    block_on(async {
        // whatever it is doing, one of these looks meets it on the way
        while let Ok((instance, _)) = cx.client.instance(&name).await {
            if let Some(standstill) = Standstill::begin(&cx, &name).await.unwrap() {
                standstill.end().await;
            }
            assert_eq!(instance.name, name);
        }
        assert!(Standstill::begin(&cx, &name).await.unwrap().is_none());
    });
    host.wait_until_gone();
    assert_eq!(incus(&["list", "--project", &host.project, "-f", "csv", "-c", "n", &name]), "");
}
