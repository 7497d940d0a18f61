//! One supervisor at a time, and how it ends.

use std::cell::Cell;
use std::time::Duration;

use cci_core::session::SessionId;

use super::world::{World, until};
use crate::supervisor::ask::{Ask, stop};
use crate::supervisor::control::Ended;
use crate::supervisor::presence::Presence;

#[tokio::test]
async fn a_second_one_leaves_the_place_to_the_first() {
    let world = World::new();
    let session = world.session(1);
    let ended = world
        .while_it_runs(async {
            let second = world.with_version(world.version);
            let ready = Cell::new(false);
            assert_eq!(second.run(|| ready.set(true)).await, None);
            assert!(ready.get(), "whoever started it need not wait");
            let older = world.with_version("0.1.0-4-gabc");
            assert_eq!(older.run(|| {}).await, None);
            let status = Ask(&world.place).status().await.unwrap();
            assert_eq!((status.pid, status.version.as_deref()), (Some(std::process::id()), Some("0.1.0-5-gabc")));
            assert_eq!(status.sessions[0].session, session.to_string());
            until("Incus is asked", async || world.sky.looks.get() > 0).await;
        })
        .await;
    assert_eq!(ended, Some(Ended::Stopped));
    assert!(!world.place.socket().exists(), "nobody listens there any more");
    assert!(Ask(&world.place).status().await.is_err());
}

#[tokio::test]
async fn a_newer_one_takes_over_and_what_is_being_taken_is_finished_first() {
    let world = World::new();
    let session = world.session(1);
    let gate = std::rc::Rc::new(tokio::sync::Notify::new());
    world.hand.gate.replace(Some(std::rc::Rc::clone(&gate)));
    let newer = world.with_version("0.1.0-6-gabc");
    let first = world.run(|| {});
    let second = async {
        world.listens().await;
        let socket = world.socket(session);
        let ask = super::world::request(&socket, "POST /turn-end", r#"{"prompt_id": "p"}"#);
        let begun = async {
            until("it is being taken", async || world.hand.now.get() == 1).await;
            let finish = async {
                until("it is asked to make room", async || Ask(&world.place).status().await.is_err()).await;
                assert_eq!(world.hand.done.get(), 0);
                gate.notify_one();
                until("the moment is over", async || {
                    gate.notify_one();
                    world.hand.done.get() == 1
                })
                .await;
            };
            let check = async {
                until("the newer one answers", async || {
                    Ask(&world.place)
                        .status()
                        .await
                        .is_ok_and(|status| status.version.as_deref() == Some("0.1.0-6-gabc"))
                })
                .await;
                assert_eq!(world.hand.done.get(), 1);
                assert!(socket.exists(), "it listens for the session too");
                newer.stop.cancel();
            };
            let (second, (), ()) = tokio::join!(newer.run(|| {}), finish, check);
            second
        };
        let (_, second) = tokio::join!(ask, begun);
        second
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first, second), (Some(Ended::HandedOver), Some(Ended::Stopped)));
}

#[tokio::test]
async fn the_socket_of_one_that_was_killed_is_replaced() {
    let world = World::new();
    world.place.sessions().make().unwrap();
    drop(std::os::unix::net::UnixListener::bind(world.place.socket()).unwrap());
    assert!(Ask(&world.place).status().await.is_err());
    let answers = async {
        until("the new one answers", async || Ask(&world.place).status().await.is_ok()).await;
        world.stop.cancel();
    };
    let (ended, ()) = tokio::join!(world.run(|| {}), answers);
    assert_eq!(ended, Some(Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn it_ends_a_minute_after_the_last_session() {
    let world = World::new();
    let session = world.session(1);
    let began = tokio::time::Instant::now();
    let gone = async {
        tokio::time::sleep(Duration::from_secs(1_000)).await;
        assert!(world.socket(session).exists());
        world.sky.says.replace(Presence::Gone);
        world.sky.changed.borrow().as_ref().unwrap().notify_one();
    };
    let (ended, ()) = tokio::join!(world.run(|| {}), gone);
    assert_eq!(ended, Some(Ended::Idle));
    let after = began.elapsed().as_secs() - 1_000;
    assert!((60..100).contains(&after), "{after}");
    assert!(!world.place.sessions().has_watched() && !world.place.sessions().sockets(session).exists());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_replaced_is_no_end() {
    let world = World::new();
    let session = world.session(1);
    let ended = world
        .while_it_runs(async {
            until("it is seen", async || world.sky.looks.get() > 0).await;
            world.sky.says.replace(Presence::Gone);
            world.sky.changed.borrow().as_ref().unwrap().notify_one();
            tokio::time::sleep(Duration::from_secs(8)).await;
            assert!(world.socket(session).exists(), "a rewind puts another one in its place");
            world.sky.says.replace(Presence::Runs("other".into()));
            tokio::time::sleep(Duration::from_secs(300)).await;
            assert!(world.socket(session).exists());
            world.sky.says.replace(Presence::Stopped);
            world.sky.changed.borrow().as_ref().unwrap().notify_one();
            tokio::time::sleep(Duration::from_secs(40)).await;
            assert!(!world.socket(session).exists() && world.place.sessions().sockets(session).is_dir());
            assert!(!world.place.sessions().has_watched(), "no command starts a supervisor for a stopped one");
        })
        .await;
    assert_eq!(ended, Some(Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn one_whose_incus_is_silent_ends_and_leaves_its_note() {
    let world = World::new();
    world.session(1);
    world.sky.says.replace(Presence::Unknown);
    assert_eq!(world.run(|| {}).await, Some(Ended::Idle));
    assert!(world.place.sessions().has_watched());
}

#[tokio::test]
async fn a_stop_waits_for_its_end_and_lasts_until_it_is_wanted_again() {
    let world = World::new();
    assert!(!stop(&world.place).await.unwrap(), "there was none");
    world.session(1);
    let stopped = async {
        world.listens().await;
        assert!(stop(&world.place).await.unwrap());
        assert!(world.place.unwanted().exists());
    };
    let (ended, ()) = tokio::join!(world.run(|| {}), stopped);
    assert_eq!(ended, Some(Ended::Stopped));
}

#[tokio::test(start_paused = true)]
async fn what_a_launch_puts_off_is_done_when_it_is_over() {
    let world = World::new();
    let session = world.session(1);
    let run = world.place.sessions();
    let failed = run.sockets(SessionId::from_random([2; 16]));
    let look = || world.sky.changed.borrow().as_ref().unwrap().notify_one();
    let ended = world
        .while_it_runs(async {
            until("it is seen", async || world.sky.looks.get() > 0).await;
            let launch = run.hold().unwrap();
            std::fs::create_dir(&failed).unwrap();
            look();
            tokio::time::sleep(Duration::from_secs(40)).await;
            assert!(failed.is_dir(), "the launch may note its session yet");
            drop(launch);
            until("what the launch has left is removed", async || !failed.exists()).await;

            let launch = run.hold().unwrap();
            world.sky.says.replace(Presence::Gone);
            look();
            tokio::time::sleep(Duration::from_secs(40)).await;
            assert!(run.has_watched() && world.socket(session).exists(), "the launch may note it anew");
            drop(launch);
            until("it is forgotten", async || !run.has_watched() && !run.sockets(session).exists()).await;
        })
        .await;
    assert_eq!(ended, Some(Ended::Stopped));
}
