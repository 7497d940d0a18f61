//! What a guest can do, and cannot.

use std::os::unix::fs::FileTypeExt;
use std::rc::Rc;
use std::time::Duration;

use cci_core::Error;
use cci_core::checkpoint::{Cause, Reference};
use cci_core::settings::{Auto, CheckpointSettings};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::Notify;

use super::world::{World, raw, request, until};
use crate::supervisor::ask::Ask;

#[tokio::test]
async fn a_turn_is_kept_at_both_ends_with_the_first_line_of_its_prompt() {
    let world = World::new();
    let (one, two) = (world.session(1), world.session(2));
    world
        .while_it_runs(async {
            let socket = world.socket(one);
            let start = json!({ "prompt": "fix it\nplease", "prompt_id": "p" }).to_string();
            assert_eq!(request(&socket, "POST /turn-start", &start).await.unwrap(), (200, json!({})));
            let end = json!({ "prompt_id": "p", "stop_hook_active": false }).to_string();
            assert_eq!(request(&socket, "POST /turn-end", &end).await.unwrap().0, 200);
            let subagents = json!({ "agent_id": "a", "prompt": "x" }).to_string();
            assert_eq!(request(&socket, "POST /turn-end", &subagents).await.unwrap().0, 200);
            request(&world.socket(two), "POST /turn-end", "{}").await.unwrap();
            let status = Ask(&world.place).status().await.unwrap();
            assert_eq!(status.sessions.iter().map(|one| one.taken).collect::<Vec<_>>(), [2, 1]);
        })
        .await;
    let seen = world.hand.seen.borrow();
    let seen: Vec<_> = seen.iter().map(|(session, at)| (*session, at.cause, at.prompt.as_deref())).collect();
    let prompt = Some("fix it");
    assert_eq!(seen, [(one, Cause::TurnStart, prompt), (one, Cause::TurnEnd, prompt), (two, Cause::TurnEnd, None)]);
}

#[tokio::test]
async fn the_agent_goes_on_when_its_moment_is_over_and_the_next_one_waits_for_the_rest() {
    let world = World::new();
    let session = world.session(1);
    let gate = Rc::new(Notify::new());
    world.hand.gate.replace(Some(Rc::clone(&gate)));
    world
        .while_it_runs(async {
            let socket = world.socket(session);
            let start = request(&socket, "POST /turn-start", "{}");
            let over = async {
                until("it is being taken", async || world.hand.now.get() == 1).await;
                gate.notify_one();
            };
            let (answered, ()) = tokio::join!(start, over);
            assert_eq!((answered.unwrap().0, world.hand.done.get()), (200, 0), "the rest goes on");
            let end = request(&socket, "POST /turn-end", "{}");
            let finish = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert_eq!(world.hand.seen.borrow().len(), 1, "the end of the turn waits");
                until("both are whole", async || {
                    gate.notify_one();
                    world.hand.done.get() == 2
                })
                .await;
            };
            let (answered, ()) = tokio::join!(end, finish);
            assert_eq!((answered.unwrap().0, world.hand.most.get()), (200, 1));
        })
        .await;
}

#[tokio::test]
async fn a_moment_is_kept_although_whoever_told_it_has_gone() {
    let world = World::new();
    let session = world.session(1);
    let gate = Rc::new(Notify::new());
    world.hand.gate.replace(Some(Rc::clone(&gate)));
    world
        .while_it_runs(async {
            let mut stream = UnixStream::connect(world.socket(session)).await.unwrap();
            stream.write_all(b"POST /turn-end HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            until("it is being taken", async || world.hand.now.get() == 1).await;
            drop(stream);
            until("it is whole", async || {
                gate.notify_one();
                world.hand.done.get() == 1
            })
            .await;
        })
        .await;
}

#[tokio::test]
async fn a_prompt_of_any_length_begins_a_turn() {
    let world = World::new();
    let session = world.session(1);
    world
        .while_it_runs(async {
            let told = json!({ "session_id": "s", "prompt": format!("long one\n{}", "\\é\n".repeat(100_000)) });
            assert_eq!(request(&world.socket(session), "POST /turn-start", &told.to_string()).await.unwrap().0, 200);
        })
        .await;
    assert_eq!(world.hand.seen.borrow()[0].1.prompt.as_deref(), Some("long one"));
}

#[tokio::test]
async fn an_agent_may_take_and_list_checkpoints_and_rewind_only_where_the_person_allows_it() {
    let world = World::new();
    let may = CheckpointSettings { agent_may_rewind: true, ..CheckpointSettings::default() };
    let (no, yes) = (world.session(1), world.session_with(2, may));
    world
        .while_it_runs(async {
            let socket = world.socket(no);
            let taken = request(&socket, "POST /checkpoint", r#"{"message": "before the change"}"#).await.unwrap();
            assert_eq!(taken, (200, json!({ "id": "0000000001", "changed": true })));
            assert_eq!(request(&socket, "GET /log", "").await.unwrap().1[0]["id"], "0000000001");
            let (status, refused) = request(&socket, "POST /rewind", r#"{"to": "~2"}"#).await.unwrap();
            assert_eq!((status, &refused["error"]["code"]), (403, &json!("not-allowed")));
            assert_eq!(refused["error"]["command"], "cci rewind ~2");
            for odd in ["", "{}", r#"{"to": 1}"#, r#"{"to": "../../x"}"#, r#"{"to": "$(id)"}"#] {
                assert_eq!(request(&world.socket(yes), "POST /rewind", odd).await.unwrap().0, 400, "{odd}");
            }
            let (status, failed) = request(&world.socket(yes), "POST /rewind", r#"{"to": "~9"}"#).await.unwrap();
            assert_eq!(
                (status, &failed["error"]["code"]),
                (409, &json!(Error::NoRewind.code())),
                "the engine refuses it"
            );
            assert_eq!(request(&world.socket(yes), "POST /rewind", r#"{"to": "~2"}"#).await.unwrap().0, 202);
            let again = request(&world.socket(yes), "POST /rewind", r#"{"to": "~1"}"#).await.unwrap();
            assert_eq!((again.0, &again.1["error"]["code"]), (429, &json!("busy")), "one at a time");
            world.hand.rewound.notify_one();
            for (line, status) in [("GET /status", 404), ("POST /stop", 404), ("GET /", 404), ("DELETE /log", 404)] {
                assert_eq!(request(&socket, line, "").await.unwrap().0, status, "{line}");
            }
        })
        .await;
    assert_eq!(*world.hand.rewinds.borrow(), [Reference::Back(2)]);
    let seen = world.hand.seen.borrow();
    assert_eq!((seen[0].1.cause, seen[0].1.message.as_deref()), (Cause::Agent, Some("before the change")));
}

#[tokio::test]
async fn turns_are_passed_over_where_none_are_to_be_kept() {
    let world = World::new();
    let off = CheckpointSettings { auto: Auto::Off, interval_minutes: 5, ..CheckpointSettings::default() };
    let session = world.session_with(1, off);
    world
        .while_it_runs(async {
            assert_eq!(request(&world.socket(session), "POST /turn-start", "{}").await.unwrap().0, 200);
        })
        .await;
    assert!(world.hand.seen.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_moment_is_kept_every_so_many_minutes() {
    let world = World::new();
    world.session_with(1, CheckpointSettings { interval_minutes: 5, ..CheckpointSettings::default() });
    world.while_it_runs(tokio::time::sleep(Duration::from_secs(16 * 60))).await;
    let seen = world.hand.seen.borrow();
    assert_eq!(seen.iter().map(|(_, at)| at.cause).collect::<Vec<_>>(), [Cause::Interval; 3]);
}

/// Whatever a guest sends, another one is served meanwhile.
#[tokio::test]
async fn a_hostile_guest_disturbs_nobody_else() {
    let world = World::new();
    let (hostile, other) = (world.session(1), world.session(2));
    world
        .while_it_runs(async {
            let socket = world.socket(hostile);
            let mut open = Vec::new();
            for _ in 0..300 {
                let Ok(Ok(mut stream)) =
                    tokio::time::timeout(Duration::from_millis(20), UnixStream::connect(&socket)).await
                else {
                    break;
                };
                // a head that never ends
                let _ = stream.write_all(b"POST /turn-end HTTP/1.1\r\nx: ").await;
                open.push(stream);
            }
            assert!(open.len() > 16, "{}", open.len());
            let began = std::time::Instant::now();
            assert_eq!(request(&world.socket(other), "POST /turn-end", "{}").await.unwrap().0, 200);
            assert!(Ask(&world.place).status().await.is_ok());
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
            drop(open);
            let garbage: [Vec<u8>; 5] = [
                b"\x00\xff\xfe garbage\r\n\r\n".to_vec(),
                [b"GET /log HTTP/1.1\r\n".to_vec(), b"x: y\r\n".repeat(10_000), b"\r\n".to_vec()].concat(),
                [b"GET /".to_vec(), b"a".repeat(1_000_000), b" HTTP/1.1\r\n\r\n".to_vec()].concat(),
                b"POST /checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n".to_vec(),
                b"POST /rewind HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n".to_vec(),
            ];
            for bytes in garbage {
                let answer = raw(&socket, &bytes).await.unwrap();
                assert!(!answer.starts_with("HTTP/1.1 200") && answer.len() < 2_000, "{answer}");
            }
        })
        .await;
    assert_eq!(world.hand.seen.borrow().len(), 1);
}

#[tokio::test]
async fn a_guest_that_asks_without_end_is_slowed_down() {
    let world = World::new();
    let (eager, other) = (world.session(1), world.session(2));
    world
        .while_it_runs(async {
            let mut refused = 0;
            for _ in 0..60 {
                refused += usize::from(request(&world.socket(eager), "GET /log", "").await.unwrap().0 == 429);
            }
            assert!((20..=30).contains(&refused), "{refused}");
            assert_eq!(request(&world.socket(other), "GET /log", "").await.unwrap().0, 200);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_the_guest_removed_or_replaced_is_there_again() {
    let world = World::new();
    let session = world.session(1);
    world
        .while_it_runs(async {
            let socket = world.socket(session);
            let outside = world.place.sessions().path().join("outside");
            std::fs::write(&outside, "kept").unwrap();
            std::fs::remove_file(&socket).unwrap();
            std::os::unix::fs::symlink(&outside, &socket).unwrap();
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(socket.symlink_metadata().unwrap().file_type().is_socket());
            assert_eq!(std::fs::read_to_string(&outside).unwrap(), "kept");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_cannot_be_opened_at_once_is_opened_later() {
    let world = World::new();
    let session = world.session(1);
    let directory = world.place.sessions().sockets(session);
    let away = directory.with_extension("away");
    std::fs::rename(&directory, &away).unwrap();
    world
        .while_it_runs(async {
            assert_eq!(Ask(&world.place).status().await.unwrap().sessions.len(), 1, "it is watched all the same");
            std::fs::rename(&away, &directory).unwrap();
            until("it is opened", async || world.socket(session).exists()).await;
            assert_eq!(request(&world.socket(session), "GET /log", "").await.unwrap().0, 200);
        })
        .await;
}
