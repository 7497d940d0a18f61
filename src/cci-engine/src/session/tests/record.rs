//! What is recorded of a session.

use cci_core::lifetime::Lifetime;
use cci_core::metadata::Further;

use super::id;
use crate::instance::persist::persist;
use crate::instance::shutdown::end_all;
use crate::instance::stop::Stop;
use crate::launch;
use crate::session::record::{note_given, of_container, refresh};
use crate::testing::{World, write};

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn saved(world: &World) -> cci_core::metadata::Metadata {
    launch::store(&world.cx()).read(id(1)).unwrap().unwrap().metadata
}

#[tokio::test]
async fn a_refresh_notes_the_time_and_the_lifetime_only_where_it_is_decided() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", LONG_AGO);
    assert_eq!(refresh(&world.cx(), id(1), None).await.unwrap(), Some(Lifetime::Ephemeral));
    assert_ne!(saved(&world).saved_at, LONG_AGO);
    assert_eq!(refresh(&world.cx(), id(1), Some(Lifetime::Persistent)).await.unwrap(), Some(Lifetime::Persistent));
    assert!(saved(&world).persistent);
}

#[tokio::test]
async fn a_refresh_leaves_a_missing_or_damaged_file_as_it_is() {
    let world = World::new();
    assert_eq!(refresh(&world.cx(), id(1), None).await.unwrap(), None);
    let file = launch::store(&world.cx()).dir(id(1)).join("metadata.json");
    assert!(!file.exists());
    write(&file, "{ damaged");
    assert_eq!(refresh(&world.cx(), id(1), None).await.unwrap(), None);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{ damaged");
}

#[tokio::test]
async fn what_a_later_command_line_gives_the_agent_is_added_to_what_is_noted() {
    let world = World::new();
    let mut metadata = world.save_session(id(1), "cci-a-1", LONG_AGO);
    let given = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    metadata.set_further(&Further { given: given(&["B"]), ..metadata.further() });
    world.save(&metadata);
    note_given(&world.cx(), id(1)).await.unwrap();
    assert_eq!(saved(&world).further().given, given(&["B"]), "this one gives none");
    let with = |name: &str| world.cx().with_environment([(name.to_owned(), "secret".to_owned())].into());
    note_given(&with("A"), id(1)).await.unwrap();
    assert_eq!(saved(&world).further().given, given(&["A", "B"]));
    assert!(
        !std::fs::read_to_string(launch::store(&world.cx()).dir(id(1)).join("metadata.json"))
            .unwrap()
            .contains("secret")
    );
    note_given(&with("A"), id(2)).await.unwrap();
}

#[tokio::test]
async fn the_session_of_a_container_is_the_newest_that_names_it() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", "2026-01-01T00:00:00Z");
    world.save_session(id(2), "cci-a-1", "2026-01-02T00:00:00Z");
    world.save_session(id(3), "cci-a-2", "2026-01-03T00:00:00Z");
    let found = of_container(&world.cx(), "cci-a-1").await.unwrap().unwrap();
    assert_eq!(found.session_id, id(2));
    assert!(of_container(&world.cx(), "cci-a-3").await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_whose_container_is_ended_was_active_until_then() {
    let world = World::new();
    world.save_session(id(1), "cci-a-1", LONG_AGO);
    world.container("cci-a-1").session(id(1)).put();
    end_all(&world.cx(), &["cci-a-1".to_owned()], Stop::Now).await.unwrap();
    assert_ne!(saved(&world).saved_at, LONG_AGO);
}

#[tokio::test]
async fn a_session_whose_container_is_persisted_is_noted_so_by_label_or_by_name() {
    for marked in [true, false] {
        let world = World::new();
        world.save_session(id(1), "cci-a-1", LONG_AGO);
        let container = world.container("cci-a-1");
        if marked {
            container.session(id(1)).put();
        } else {
            container.put();
        }
        persist(&world.cx(), "cci-a-1").await.unwrap();
        assert!(saved(&world).persistent, "marked: {marked}");
    }
}
