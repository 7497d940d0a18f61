//! When a checkpoint is taken, and when the current one is one already, on a daemon in memory.

use cci_core::checkpoint::Cause;
use cci_core::slot::SlotChoice;
use cci_incus::fake::Answer;

use super::world;
use crate::checkpoint::take::{Taken, take};
use crate::checkpoint::wanted::Wanted;
use crate::context::Context;
use crate::roll_back::on_failure;

async fn taken(cx: &Context, cause: Cause) -> Taken {
    on_failure(cx, take(cx, SlotChoice::Auto, &Wanted::because(cause), None)).await.unwrap()
}

#[tokio::test]
async fn one_that_a_person_asks_for_holds_the_container_though_nothing_has_changed_since_one_that_does_not() {
    let world = world();
    let stdout = "ready\nsame\n".into();
    world.daemon.answer("bash", Answer { stdout, ..Answer::default() });
    // where the pool copies in full
    let by_itself = taken(&world.cx(), Cause::TurnEnd).await;
    assert!(by_itself.is_new && by_itself.node.root.is_none(), "{by_itself:?}");
    assert!(!taken(&world.cx(), Cause::TurnEnd).await.is_new);
    let asked_for = taken(&world.cx(), Cause::Manual).await;
    assert!(asked_for.is_new && asked_for.node.root.is_some(), "{asked_for:?}");
    let again = taken(&world.cx(), Cause::Manual).await;
    assert!(!again.is_new && again.node.id == asked_for.node.id, "{again:?}");
}
