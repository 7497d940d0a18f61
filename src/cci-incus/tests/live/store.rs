//! Profiles, pools, volumes and projects.

use cci_incus::{NewVolume, ProfilePut};

use crate::support::Project;

#[tokio::test]
async fn a_profile_is_made_changed_and_deleted() {
    let project = Project::new(&["profiles"]);
    let client = project.client();
    let mut content = ProfilePut::default();
    content.config.insert("limits.cpu".into(), "1".into());
    client.create_profile("p", &content).await.unwrap();

    let (profile, etag) = client.profile("p").await.unwrap();
    assert_eq!(profile.config["limits.cpu"], "1");
    content.config.insert("limits.cpu".into(), "2".into());
    client.put_profile("p", &content, Some(&etag)).await.unwrap();
    assert!(client.put_profile("p", &content, Some(&etag)).await.unwrap_err().is_precondition_failed());
    let names: Vec<String> = client.profiles().await.unwrap().into_iter().map(|profile| profile.name).collect();
    assert_eq!(names, ["default", "p"]);

    client.delete_profile("p").await.unwrap();
    assert!(client.profile("p").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_pool_says_how_full_it_is_and_holds_volumes() {
    let project = Project::new(&["storage.volumes"]);
    let client = project.client();
    let pools = client.storage_pools().await.unwrap();
    let pool = &pools.first().expect("these tests need a storage pool; `cci setup` makes one").name;
    let full = client.storage_pool_resources(pool).await.unwrap().space;
    assert!(full.used > 0 && full.used < full.total, "{full:?}");
    assert_eq!(client.storage_pool(pool).await.unwrap().0.status, "Created");

    let new = NewVolume { name: "v".into(), description: "d".into(), ..NewVolume::default() };
    client.create_volume(pool, &new).await.unwrap();
    let (volume, _) = client.volume(pool, "v").await.unwrap();
    assert_eq!((volume.content_type.as_str(), volume.description.as_str()), ("filesystem", "d"));
    client.delete_volume(pool, "v").await.unwrap();
    assert!(client.volume(pool, "v").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_project_is_listed_and_not_deleted_while_something_is_in_it() {
    let project = Project::new(&["profiles"]);
    let client = project.client();
    assert!(client.projects().await.unwrap().iter().any(|found| found.name == project.name));
    let (found, _) = client.get_project(&project.name).await.unwrap();
    assert_eq!(found.config["features.images"], "false");
    assert!(client.get_project("no-such-project").await.unwrap_err().is_not_found());

    client.create_profile("p", &ProfilePut::default()).await.unwrap();
    assert!(client.delete_project(&project.name).await.is_err());
    client.delete_profile("p").await.unwrap();
}

#[tokio::test]
async fn a_missing_project_looks_like_an_empty_one() {
    let project = Project::new(&[]);
    let elsewhere = project.client().in_project("no-such-project");
    assert_eq!(elsewhere.instances().await.unwrap(), []);
}
