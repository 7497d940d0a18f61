//! The event stream, subscribed before what it is to show.

use cci_incus::{Event, EventBody, EventKind, Events, NewInstance, Source, StateChange};
use tokio::time::timeout;

use crate::support::{Bed, IMAGE, LIMIT};

/// The actions on one instance, up to and including the last one wanted.
async fn actions(events: &mut Events, instance: &str, last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|action| action != last) {
        let event = timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
        if let EventBody::Lifecycle(lifecycle) = event.body
            && lifecycle.instance().as_deref() == Some(instance)
        {
            seen.push(lifecycle.action);
        }
    }
    seen
}

#[tokio::test]
async fn who_subscribes_first_sees_the_whole_life_of_a_container() {
    let bed = Bed::new();
    let client = bed.client();
    let mut events = client.events(&[EventKind::Lifecycle], false).await.unwrap();
    let name = bed.name("short");

    let mut new = NewInstance::new(&name, Source::alias(IMAGE));
    (new.ephemeral, new.start) = (true, true);
    client.create_instance(&new).await.unwrap().wait("the create", LIMIT).await.unwrap();
    client.change_state(&name, &StateChange::kill()).await.unwrap().wait("the stop", LIMIT).await.unwrap();

    let seen = actions(&mut events, &name, "instance-deleted").await;
    // of a stop and the delete that follows it, only the delete is sure to be reported
    assert_eq!(seen.first().map(String::as_str), Some("instance-created"));
    assert!(seen.contains(&"instance-started".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn events_of_another_project_are_seen_only_when_asked_for() {
    let bed = Bed::new();
    let client = bed.client();
    let elsewhere = client.in_project("default");
    let mut all = elsewhere.events(&[EventKind::Lifecycle], true).await.unwrap();
    let mut own = elsewhere.events(&[EventKind::Lifecycle], false).await.unwrap();

    client.change_state(&bed.container, &StateChange::kill()).await.unwrap().wait("the stop", LIMIT).await.unwrap();

    assert!(!actions(&mut all, &bed.container, "instance-stopped").await.is_empty());
    // whatever others do in the default project meanwhile, nothing of ours is among it
    while let Ok(Some(Ok(event))) = timeout(std::time::Duration::from_millis(50), own.next()).await {
        assert_eq!(event.project, "default");
    }
}

#[tokio::test]
async fn operations_are_told_with_their_state() {
    let bed = Bed::new();
    let client = bed.client();
    let mut events = client.events(&[EventKind::Operation], false).await.unwrap();

    let kill = client.change_state(&bed.container, &StateChange::kill()).await.unwrap();
    kill.wait("the stop", LIMIT).await.unwrap();

    loop {
        let event: Event = timeout(LIMIT, events.next()).await.unwrap().unwrap().unwrap();
        let EventBody::Operation(info) = event.body else { panic!("{event:?}") };
        if info.id == kill.id() && info.status_code.is_final() {
            break;
        }
    }
}
