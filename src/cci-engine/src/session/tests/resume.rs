//! Which conversation `--resume` means, and what a launch inherits from it.

use cci_core::Error;
use cci_core::metadata::{Further, Metadata};
use cci_core::network::Mode;
use cci_core::session::Resume;
use cci_core::slot::{Slot, SlotChoice};

use super::id;
use crate::launch;
use crate::session::info::info;
use crate::session::resume::{Given, Network, find, inherit, slot};
use crate::testing::{World, write};

#[tokio::test]
async fn the_latest_is_the_newest_of_this_workspace() {
    let world = World::new();
    world.save_session(id(1), &world.slot(1), "2026-01-01T00:00:00Z");
    world.save_session(id(2), &world.slot(1), "2026-01-03T00:00:00Z");
    world.save_session(id(3), &world.slot(1), "2026-01-02T00:00:00Z");
    let found = find(&world.cx(), &Resume::Latest).await.unwrap().unwrap();
    assert_eq!(found.id(), id(2));
    assert!(world.was_reported("AutoDetected") && world.was_reported("Resuming"));
}

#[tokio::test]
async fn a_session_in_which_the_agent_wrote_later_is_the_latest() {
    let world = World::new();
    world.save_session(id(1), &world.slot(1), "2026-01-01T00:00:00Z");
    world.save_session(id(2), &world.slot(1), "2026-01-03T00:00:00Z");
    let transcript = "projects/-workspace/3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f.jsonl";
    write(&launch::store(&world.cx()).state_dir(id(1)).join(transcript), "{\"type\":\"user\"}\n");
    let found = find(&world.cx(), &Resume::Latest).await.unwrap().unwrap();
    assert_eq!(found.id(), id(1), "it was written just now");
    assert_eq!(found.transcript.as_deref(), Some("3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f"));
}

#[tokio::test]
async fn the_sessions_of_other_workspaces_are_not_the_latest() {
    let world = World::new();
    let other = world.save_session(id(1), "cci-00000000-1", "2026-01-01T00:00:00Z");
    world.save(&Metadata { workspace: "/elsewhere".into(), ..other });
    assert!(matches!(find(&world.cx(), &Resume::Latest).await, Err(Error::NoSession { other: None })));
}

#[tokio::test]
async fn a_damaged_session_is_told_and_the_next_one_resumed() {
    let world = World::new();
    world.save_session(id(1), &world.slot(1), "2026-01-01T00:00:00Z");
    write(&launch::store(&world.cx()).dir(id(2)).join("metadata.json"), "{");
    let found = find(&world.cx(), &Resume::Latest).await.unwrap().unwrap();
    assert_eq!(found.id(), id(1));
    assert!(world.was_reported("Damaged"), "{:?}", world.reported());
}

#[tokio::test]
async fn an_exact_session_is_found_though_it_is_not_the_newest() {
    let world = World::new();
    world.save_session(id(1), &world.slot(1), "2026-01-01T00:00:00Z");
    world.save_session(id(2), &world.slot(1), "2026-01-02T00:00:00Z");
    let found = find(&world.cx(), &Resume::Exactly(id(1).to_string())).await.unwrap().unwrap();
    assert_eq!(found.id(), id(1));
}

#[tokio::test]
async fn a_session_of_another_workspace_is_refused_and_the_workspace_named() {
    let world = World::new();
    let other = world.save_session(id(1), "cci-00000000-1", "2026-01-01T00:00:00Z");
    world.save(&Metadata { workspace: "/elsewhere".into(), ..other });
    let error = find(&world.cx(), &Resume::Exactly(id(1).to_string())).await.unwrap_err();
    assert!(matches!(error, Error::SessionElsewhere { workspace, .. } if workspace.ends_with("elsewhere")));
    assert!(info(&world.cx(), Some(&id(1).to_string())).await.is_ok(), "it can be looked at from anywhere");
}

#[tokio::test]
async fn an_id_that_is_unknown_or_none_at_all_is_not_found() {
    let world = World::new();
    for raw in [id(1).to_string().as_str(), "../../etc", ""] {
        let error = find(&world.cx(), &Resume::Exactly(raw.to_owned())).await.unwrap_err();
        assert!(matches!(error, Error::SessionNotFound { id } if id == raw));
    }
}

#[tokio::test]
async fn a_new_session_looks_for_none() {
    let world = World::new();
    assert!(find(&world.cx(), &Resume::No).await.unwrap().is_none());
}

/// A session that was launched with settings of its own.
fn particular(world: &World) -> Metadata {
    let mut metadata = world.save_session(id(1), &world.slot(4), "2026-01-01T00:00:00Z");
    metadata.persistent = true;
    metadata.set_further(&Further {
        profile: Some("fast".into()),
        image: Some("cci-own".into()),
        network: Some("restricted".into()),
        ..metadata.further()
    });
    write(&world.home().join(".config/cci/profiles/fast.toml"), "limits = { cpu = \"3\" }\n");
    metadata
}

#[tokio::test]
async fn a_resumed_session_has_the_profile_image_network_and_lifetime_that_it_had() {
    let world = World::new();
    let metadata = particular(&world);
    let settings = inherit(&world.cx(), Given::default(), Network::Inherited, &metadata).unwrap().settings;
    assert_eq!(settings.limits.cpu.as_deref(), Some("3"));
    assert_eq!((settings.defaults.image.as_str(), settings.defaults.persistent), ("cci-own", true));
    assert_eq!(settings.network.mode, Mode::Restricted);
}

#[tokio::test]
async fn what_the_command_line_says_is_not_inherited() {
    let world = World::new();
    let metadata = particular(&world);
    let given = Given { slot: true, profile: true, image: true, persistent: true, network: true, boundary: true };
    let cx = world.cx();
    let settings = inherit(&cx, given, Network::Inherited, &metadata).unwrap().settings;
    assert_eq!(settings, cx.settings);
}

#[tokio::test]
async fn what_is_brought_back_is_let_through_no_more_than_the_session_was_and_than_the_settings_say() {
    let words = ["allowlist", "restricted", "open"];
    for now in words {
        let world = World::configured(&format!("network.mode = \"{now}\"\n"));
        let mut metadata = particular(&world);
        let mode = |metadata: &Metadata| {
            let settings = inherit(&world.cx(), Given::default(), Network::Stricter, metadata).unwrap().settings;
            settings.network.mode.word()
        };
        for had in words {
            metadata.set_further(&Further { network: Some(had.into()), ..metadata.further() });
            let stricter = words.into_iter().find(|word| [now, had].contains(word)).unwrap();
            assert_eq!(mode(&metadata), stricter, "{now} now, {had} then");
        }
        metadata.further.remove("network");
        assert_eq!(mode(&metadata), now, "nothing is known of it");
    }
}

#[tokio::test]
async fn a_resumed_session_prefers_the_slot_that_it_had() {
    let world = World::new();
    let (cx, mut metadata) = (world.cx(), particular(&world));
    let auto = SlotChoice::Auto;
    let number = |number| SlotChoice::Preferably(Slot::new(number).unwrap());
    assert_eq!(slot(&cx, Given::default(), auto, &metadata), number(4), "by the container's name");
    metadata.set_further(&Further { slot: Some(6), ..metadata.further() });
    assert_eq!(slot(&cx, Given::default(), auto, &metadata), number(6), "by what is noted");
    assert_eq!(slot(&cx, Given { slot: true, ..Given::default() }, auto, &metadata), auto);
}

#[tokio::test]
async fn a_file_that_is_no_conversation_is_not_resumed() {
    let world = World::new();
    world.save_session(id(1), &world.slot(1), "2026-01-01T00:00:00Z");
    let own = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";
    let dir = launch::store(&world.cx()).state_dir(id(1)).join("projects/-workspace");
    write(&dir.join(format!("{own}.jsonl")), "{\"type\":\"mode\"}\n{\"type\":\"user\",\"entrypoint\":\"cli\"}\n");
    for (name, text) in [
        ("agent-1a2b3c4d.jsonl", "{\"type\":\"user\"}\n"),
        ("notes.jsonl", "{\"type\":\"user\"}\n"),
        ("00000000-0000-4000-8000-000000000001.jsonl", "{\"type\":\"summary\",\"summary\":\"x\"}\n"),
        ("00000000-0000-4000-8000-000000000002.jsonl", "{\"type\":\"user\",\"entrypoint\":\"sdk-cli\"}\n"),
    ] {
        write(&dir.join(name), text);
    }
    let found = find(&world.cx(), &Resume::Latest).await.unwrap().unwrap();
    assert_eq!(found.transcript.as_deref(), Some(own));
}

#[tokio::test]
async fn a_conversation_whose_transcript_is_gone_is_missing() {
    let world = World::new();
    world.save_session(id(1), &world.slot(1), "2026-01-01T00:00:00Z");
    let (store, id) = (launch::store(&world.cx()), id(1).to_string());
    std::fs::create_dir_all(store.state_dir(id.parse().unwrap())).unwrap();
    assert!(info(&world.cx(), Some(&id)).await.unwrap().data_present, "nothing was said yet");
    write(&store.state_dir(id.parse().unwrap()).join("history.jsonl"), "{}\n");
    assert!(!info(&world.cx(), Some(&id)).await.unwrap().data_present);
}
