//! What a build says of the image that is already there, against a daemon in memory.

use cci_core::Result;
use cci_core::build::recipe::{self, RECIPE};
use cci_core::build::source::ImageSource;

use super::{Ask, Built, Recipe, build};
use crate::testing::World;

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
