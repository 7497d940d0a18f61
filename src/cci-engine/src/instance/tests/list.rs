//! What `list` says.

use cci_core::session::SessionId;
use serde_json::json;

use crate::instance::list::{list, live, sessions};
use crate::instance::ownership::Whose;
use crate::testing::{ANOTHER, World, write};

#[tokio::test]
async fn a_container_is_listed_with_its_labels_and_its_address() {
    let world = World::new();
    let session = SessionId::from_random([7; 16]);
    let nic = json!({"type": "nic", "network": "incusbr0", "ipv4.address": "10.77.0.9"});
    let disk = json!({"type": "disk", "source": "/real/proj", "path": "/workspace"});
    let container = world.container("cci-a-1").session(session).persistent();
    container.config("user.cci.image", "cci").device("eth0", nic).device("workspace", disk).put();
    let listed = list(&world.cx(), Whose::Own).await.unwrap().remove(0);
    assert_eq!((listed.status.as_str(), listed.persistent, listed.slot), ("Running", true, Some(1)));
    assert_eq!((listed.ipv4.as_str(), listed.image.as_str()), ("10.77.0.9", "cci"));
    assert_eq!(listed.session_id, Some(session.to_string()));
    assert_eq!(
        (listed.workspace.as_str(), listed.workspace_target.as_str()),
        (world.proj().to_str().unwrap(), "/real/proj")
    );
    assert_eq!(world.daemon.count("GET /1.0/networks/*/leases"), 0, "a fixed address is known without a question");
}

#[tokio::test]
async fn what_is_stopped_has_no_address() {
    let world = World::new();
    let nic = json!({"type": "nic", "network": "incusbr0", "ipv4.address": "10.77.0.9"});
    world.container("cci-a-1").persistent().stopped().device("eth0", nic).put();
    assert_eq!(list(&world.cx(), Whose::Own).await.unwrap()[0].ipv4, "");
}

#[tokio::test]
async fn a_network_is_asked_once_for_all_without_a_fixed_address() {
    let world = World::new();
    for name in ["cci-a-1", "cci-a-2"] {
        world.container(name).device("eth0", json!({"type": "nic", "network": "incusbr0"})).put();
    }
    assert_eq!(list(&world.cx(), Whose::Own).await.unwrap().len(), 2);
    assert_eq!(world.daemon.count("GET /1.0/networks/incusbr0/leases"), 1);
}

#[tokio::test]
async fn everybodys_list_has_another_users_container() {
    let world = World::new();
    world.container("cci-a-1").put();
    world.container("cci-b-1").of(ANOTHER).put();
    assert_eq!(list(&world.cx(), Whose::Own).await.unwrap().len(), 1);
    assert_eq!(list(&world.cx(), Whose::Everybodys).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_session_is_live_in_whichever_project_its_container_runs() {
    let world = World::new();
    let (here, there, stopped) = ([1; 16], [2; 16], [3; 16]);
    let id = SessionId::from_random;
    world.container("cci-a-1").session(id(here)).put();
    world.container("cci-a-1").session(id(there)).project("other").put();
    world.container("cci-a-2").session(id(stopped)).persistent().stopped().put();
    let live = live(&world.cx()).await.unwrap();
    assert!(live.contains(&id(here)) && live.contains(&id(there)) && !live.contains(&id(stopped)), "{live:?}");
}

#[tokio::test]
async fn a_damaged_session_is_told_and_does_not_hide_the_others() {
    let world = World::new();
    let cx = world.cx();
    let id = SessionId::from_random([1; 16]);
    world.save_session(id, "cci-a-1", "2026-01-01T00:00:00Z");
    let damaged = crate::launch::store(&cx).dir(SessionId::from_random([2; 16]));
    write(&damaged.join("metadata.json"), "{");
    let listed = sessions(&cx, &[id]).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(listed[0].live);
    assert!(world.was_reported("Damaged"), "{:?}", world.reported());
}
