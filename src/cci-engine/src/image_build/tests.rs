//! What a build says of the image that is already there, against a daemon in memory.

use cci_agent::default_agent;
use cci_core::build::recipe::{self, RECIPE};
use cci_core::build::source::ImageSource;
use cci_core::mark::OWNER;
use cci_core::{Error, Result};

use super::{Ask, Built, Recipe, agents, build};
use crate::testing::{ANOTHER, OWN, World};

async fn built(world: &World, recipe: Recipe) -> Result<Built> {
    build(&world.cx(), &Ask { alias: "cci".into(), force: false, recipe }).await
}

fn standard() -> Recipe {
    Recipe::Standard { from: ImageSource::Auto, tools: vec![] }
}

#[tokio::test]
async fn an_image_of_another_version_of_the_recipe_or_of_none_is_outdated() {
    for properties in [&[][..], &[(RECIPE, "0123456789abcdef")]] {
        let world = World::new();
        world.put_image("aa01", &["cci"], properties);
        let built = built(&world, standard()).await.unwrap();
        assert!(built.skipped && built.outdated, "{properties:?}: {built:?}");
        assert_eq!(world.requests().len(), 2, "{:?}", world.requests());
    }
}

#[tokio::test]
async fn an_image_of_this_version_is_not_outdated_whatever_was_chosen() {
    let world = World::configured("build.packages = [\"cmake\"]\n");
    world.put_image("aa01", &["cci"], &[(RECIPE, &recipe::version())]);
    let built = built(&world, standard()).await.unwrap();
    assert!(built.skipped && !built.outdated, "{built:?}");
}

#[tokio::test]
async fn a_users_own_image_has_no_version() {
    let world = World::new();
    world.put_image("aa01", &["cci"], &[]);
    let recipe = Recipe::Custom { base: "cci".into(), script: "build.sh".into() };
    let built = built(&world, recipe).await.unwrap();
    assert!(built.skipped && !built.outdated, "{built:?}");
    assert_eq!(world.requests().len(), 1, "{:?}", world.requests());
}

/// An image of the caller's that notes the default agent in this version.
fn noting(world: &World, version: &str) -> String {
    let (key, owner) = (format!("user.cci.agent.{}", default_agent().name()), OWN.to_string());
    world.put_image("aa01", &["cci"], &[(&key, version), (OWNER, &owner)]);
    default_agent().name().to_owned()
}

#[tokio::test]
async fn the_agents_that_an_image_notes_are_listed_without_a_container() {
    let world = World::new();
    let name = noting(&world, "1.2.3");
    let found = agents::list(&world.cx(), "cci").await.unwrap();
    let agent = agents::ImageAgent { name, version: "1.2.3".into(), pinned: None };
    assert_eq!((found.fingerprint.as_str(), found.agents), ("aa01", vec![agent]));
    assert_eq!(world.requests().len(), 2, "{:?}", world.requests());
}

#[tokio::test]
async fn a_pin_at_the_version_that_an_image_has_is_noted_and_an_update_then_does_nothing() {
    let world = World::new();
    noting(&world, "1.2.3");
    let (cx, agent) = (world.cx(), default_agent());
    let pinned = async || agents::list(&cx, "cci").await.unwrap().agents[0].pinned.clone();
    for _ in 0..2 {
        let done = agents::pin(&cx, "cci", agent, Some("1.2.3".parse().unwrap())).await.unwrap();
        assert!(!done.new && done.agents[0].pinned.as_deref() == Some("1.2.3"), "{done:?}");
        assert_eq!(pinned().await.as_deref(), Some("1.2.3"));
    }
    // those since the last count
    let changes = || world.requests().iter().filter(|request| !request.starts_with("GET")).count();
    assert_eq!(changes(), 1);
    assert!(!agents::update(&cx, "cci", None).await.unwrap().new);
    assert_eq!(changes(), 0);
    agents::pin(&cx, "cci", agent, None).await.unwrap();
    assert_eq!((pinned().await, changes()), (None, 1));
}

#[tokio::test]
async fn another_users_image_is_neither_updated_nor_pinned() {
    let world = World::new();
    let (key, owner) = (format!("user.cci.agent.{}", default_agent().name()), ANOTHER.to_string());
    world.put_image("aa01", &["cci"], &[(&key, "1.2.3"), (OWNER, &owner)]);
    let (cx, agent) = (world.cx(), default_agent());
    let pinned = agents::pin(&cx, "cci", agent, Some("1.2.3".parse().unwrap())).await;
    for refused in [agents::update(&cx, "cci", None).await, pinned] {
        assert!(matches!(refused, Err(Error::NotOwner { .. })), "{refused:?}");
    }
    assert!(world.requests().iter().all(|request| request.starts_with("GET")), "{:?}", world.requests());
}
