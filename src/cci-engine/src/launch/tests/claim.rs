//! Which slot a launch gets.

use cci_core::Error;
use cci_core::slot::SlotChoice;
use cci_incus::OperationKind;

use super::{CREATE, exactly, launched, world};
use crate::testing::ANOTHER;

#[tokio::test]
async fn the_first_free_slot_is_taken_by_one_create() {
    let world = world("");
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!((launched.slot.number(), launched.reused), (1, false));
    assert!(world.runs(&world.slot(1)));
    assert_eq!(world.daemon.count(CREATE), 1);
    assert!(world.was_reported("SlotAllocated(Slot(1))"));
}

#[tokio::test]
async fn a_slot_that_another_launch_takes_at_this_moment_is_left_to_it() {
    let world = world("");
    let quicker = world.container(&world.slot(1)).launch("quicker");
    world.daemon.on(CREATE).meanwhile(&quicker.path(), Some(quicker.object()));
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(launched.slot.number(), 2);
    assert_eq!(world.instance(&world.slot(1)).unwrap()["config"]["user.cci.launch"], "quicker");
}

#[tokio::test]
async fn what_a_lost_slot_holds_is_not_this_calls_to_roll_back() {
    let world = world("");
    let cx = world.cx();
    let quicker = world.container(&world.slot(1)).launch("quicker");
    world.daemon.on(CREATE).meanwhile(&quicker.path(), Some(quicker.object()));
    launched(&cx, SlotChoice::Auto).await.unwrap();
    let noted: Vec<_> = cx.scope.ledger.take().iter().map(|made| made.instance().unwrap().to_owned()).collect();
    assert_eq!(noted, [world.slot(2)]);
}

#[tokio::test]
async fn nothing_is_made_where_all_slots_are_taken() {
    let world = world("");
    for number in 1..=10 {
        world.container(&world.slot(number)).put();
    }
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(error, Error::SlotsExhausted));
    assert_eq!(world.daemon.count(CREATE), 0);
}

#[tokio::test]
async fn where_all_slots_are_taken_one_that_is_just_being_left_is_waited_for() {
    let world = world("");
    for number in 1..=10 {
        world.container(&world.slot(number)).put();
    }
    let gone = world.container(&world.slot(7));
    world.daemon.begin(OperationKind::Stopping, &world.slot(7));
    world.daemon.on("GET /1.0/operations/*/wait").meanwhile(&gone.path(), None);
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(launched.slot.number(), 7);
}

#[tokio::test]
async fn the_slot_that_was_asked_for_is_waited_for_while_it_is_being_left() {
    let world = world("");
    let leaves = world.container(&world.slot(3));
    let path = leaves.path();
    leaves.put();
    world.daemon.begin(OperationKind::Stopping, &world.slot(3));
    world.daemon.on("GET /1.0/operations/*/wait").meanwhile(&path, None);
    let launched = launched(&world.cx(), exactly(3)).await.unwrap();
    assert_eq!(launched.slot.number(), 3);
}

#[tokio::test]
async fn for_an_occupied_slot_the_next_free_one_above_it_is_taken_and_told() {
    let world = world("");
    world.container(&world.slot(3)).put();
    world.container(&world.slot(4)).of(ANOTHER).persistent().stopped().put();
    let launched = launched(&world.cx(), exactly(3)).await.unwrap();
    assert_eq!(launched.slot.number(), 5, "another user's is not started");
    assert!(world.was_reported("SlotOccupied { wanted: Slot(3), got: Slot(5) }"), "{:?}", world.reported());
}

#[tokio::test]
async fn what_a_crash_left_in_a_slot_is_replaced() {
    let world = world("");
    world.container(&world.slot(1)).stopped().put();
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!((launched.slot.number(), launched.reused), (1, false));
    assert!(world.runs(&world.slot(1)));
    assert_ne!(world.instance(&world.slot(1)).unwrap()["config"]["user.cci.launch"], "earlier");
}

#[tokio::test]
async fn what_a_crash_left_is_not_removed_for_a_launch_that_cannot_be() {
    let world = world("defaults.image = \"missing\"\n");
    world.container(&world.slot(1)).stopped().put();
    let error = launched(&world.cx(), SlotChoice::Auto).await.unwrap_err();
    assert!(matches!(error, Error::ImageNotFound { image } if image == "missing"));
    assert!(world.instance(&world.slot(1)).is_some());
}

#[tokio::test]
async fn what_another_user_left_in_a_slot_stays() {
    let world = world("");
    world.container(&world.slot(1)).of(ANOTHER).stopped().put();
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(launched.slot.number(), 2);
    assert_eq!(world.instance(&world.slot(1)).unwrap()["config"]["user.cci.launch"], "earlier");
}

#[tokio::test]
async fn what_another_launch_is_still_making_is_no_leftover() {
    let world = world("");
    world.container(&world.slot(1)).never_started().put();
    let launched = launched(&world.cx(), SlotChoice::Auto).await.unwrap();
    assert_eq!(launched.slot.number(), 2);
    assert!(world.instance(&world.slot(1)).is_some());
}
