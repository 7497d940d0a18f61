//! Containers created, changed, copied, restored and stopped.

use std::collections::BTreeSet;

use cci_incus::{Client, InstancePatch, InstancePut, NewInstance, NewSnapshot, Source, StateChange, Status};

use crate::support::{Bed, IMAGE, LIMIT, until};

async fn create(client: &Client, new: &NewInstance) {
    client.create_instance(new).await.unwrap().wait("the create", LIMIT).await.unwrap();
}

async fn kill(client: &Client, name: &str) {
    let stop = client.change_state(name, &StateChange::kill()).await.unwrap();
    stop.wait("the stop", LIMIT).await.unwrap();
}

#[tokio::test]
async fn of_simultaneous_creates_one_wins_and_the_instance_says_who() {
    let bed = Bed::new();
    let client = bed.client();
    let name = bed.name("contested");
    let claim = async |nonce: usize| {
        let mut new = NewInstance::new(&name, Source::alias(IMAGE));
        new.config.insert("user.nonce".into(), nonce.to_string());
        match client.create_instance(&new).await {
            Ok(operation) => operation.wait("the create", LIMIT).await.map(drop),
            Err(error) => Err(error),
        }
    };

    let claims = futures_util::future::join_all((0..8).map(claim)).await;

    let winners: BTreeSet<String> =
        (0..8).filter(|nonce| claims[*nonce].is_ok()).map(|nonce| nonce.to_string()).collect();
    assert_eq!(winners.len(), 1, "{claims:?}");
    let (instance, _) = client.instance(&name).await.unwrap();
    assert!(winners.contains(&instance.config["user.nonce"]), "{winners:?}");
}

#[tokio::test]
async fn an_ephemeral_one_is_gone_after_its_stop_unless_it_was_made_permanent() {
    let bed = Bed::new();
    let client = bed.client();
    let (instance, etag) = client.instance(&bed.container).await.unwrap();
    assert!(instance.ephemeral);
    assert_eq!(instance.status_code, Status::Running);

    let patch = InstancePatch { ephemeral: Some(false), ..InstancePatch::default() };
    client.patch_instance(&bed.container, &patch, Some(&etag)).await.unwrap();
    kill(&client, &bed.container).await;
    let (instance, _) = client.instance(&bed.container).await.unwrap();
    assert_eq!((instance.ephemeral, instance.status_code), (false, Status::Stopped));

    let patch = InstancePatch { ephemeral: Some(true), ..InstancePatch::default() };
    client.patch_instance(&bed.container, &patch, None).await.unwrap();
    let start = client.change_state(&bed.container, &StateChange::start()).await.unwrap();
    start.wait("the start", LIMIT).await.unwrap();
    kill(&client, &bed.container).await;
    until("the delete", async || client.instance(&bed.container).await.is_err_and(|error| error.is_not_found())).await;
}

#[tokio::test]
async fn a_change_against_an_old_version_is_refused() {
    let bed = Bed::new();
    let client = bed.client();
    let (instance, etag) = client.instance(&bed.container).await.unwrap();
    let mut patch = InstancePatch::default();
    patch.config.insert("user.a".into(), "1".into());
    client.patch_instance(&bed.container, &patch, Some(&etag)).await.unwrap();

    let error = client.patch_instance(&bed.container, &patch, Some(&etag)).await.unwrap_err();
    assert!(error.is_precondition_failed(), "{error:?}");
    let put = InstancePut::from(instance);
    let error = client.put_instance(&bed.container, &put, Some(&etag)).await.unwrap_err();
    assert!(error.is_precondition_failed(), "{error:?}");
}

#[tokio::test]
async fn what_is_put_replaces_and_what_is_patched_adds() {
    let bed = Bed::new();
    let client = bed.client();
    let mut patch = InstancePatch::default();
    patch.config.insert("user.a".into(), "1".into());
    client.patch_instance(&bed.container, &patch, None).await.unwrap();
    let (instance, etag) = client.instance(&bed.container).await.unwrap();
    assert_eq!(instance.config["user.a"], "1");
    assert!(instance.config.contains_key("volatile.base_image"));

    let mut put = InstancePut::from(instance);
    put.config.remove("user.a");
    put.config.insert("user.b".into(), "2".into());
    let change = client.put_instance(&bed.container, &put, Some(&etag)).await.unwrap();
    change.wait("the change", LIMIT).await.unwrap();

    let (instance, _) = client.instance(&bed.container).await.unwrap();
    assert_eq!(instance.config.get("user.a"), None);
    assert_eq!(instance.config["user.b"], "2");
}

#[tokio::test]
async fn a_list_shows_what_there_is() {
    let bed = Bed::new();
    let client = bed.client();
    let mut new = NewInstance::new(bed.name("marked"), Source::Empty);
    new.config.insert("user.mark".into(), "yes".into());
    create(&client, &new).await;

    let names: BTreeSet<String> = client.instances().await.unwrap().into_iter().map(|instance| instance.name).collect();
    assert_eq!(names, BTreeSet::from([bed.container.clone(), new.name.clone()]));
    let (marked, _) = client.instance(&new.name).await.unwrap();
    assert_eq!((marked.config["user.mark"].as_str(), marked.status_code), ("yes", Status::Stopped));
}

#[tokio::test]
async fn a_running_one_has_processes_and_gets_an_address() {
    let bed = Bed::new();
    let client = bed.client();
    until("an address", async || {
        let state = client.instance_state(&bed.container).await.unwrap();
        assert!(state.pid > 0 && state.processes > 0, "{state:?}");
        state.global_addresses("inet").next().is_some()
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_is_gone_back_to_and_copied() {
    let bed = Bed::new();
    let client = bed.client();
    let (old, copy) = (bed.name("old"), bed.name("copy"));
    create(&client, &NewInstance::new(&old, Source::alias(IMAGE))).await;
    let owner = cci_incus::FileOwner { uid: 0, gid: 0, mode: 0o600 };
    client.push_file(&old, "/root/f", "before", &owner).await.unwrap();

    let snapshot = NewSnapshot { name: "s".into(), ..NewSnapshot::default() };
    let made = client.create_snapshot(&old, &snapshot).await.unwrap();
    made.wait("the snapshot", LIMIT).await.unwrap();
    client.push_file(&old, "/root/f", "after", &owner).await.unwrap();
    let names: Vec<String> = client.snapshots(&old).await.unwrap().into_iter().map(|snapshot| snapshot.name).collect();
    assert_eq!(names, ["s"]);

    create(&client, &NewInstance::new(&copy, Source::copy_of(format!("{old}/s")))).await;
    assert_eq!(client.pull_file(&copy, "/root/f").await.unwrap().0, b"before");
    let back = client.restore_snapshot(&old, "s").await.unwrap();
    back.wait("the restore", LIMIT).await.unwrap();
    assert_eq!(client.pull_file(&old, "/root/f").await.unwrap().0, b"before");

    let gone = client.delete_snapshot(&old, "s").await.unwrap();
    gone.wait("the delete", LIMIT).await.unwrap();
    assert!(client.snapshots(&old).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_running_one_is_not_deleted() {
    let bed = Bed::new();
    let client = bed.client();
    let refused = match client.delete_instance(&bed.container).await {
        Ok(operation) => operation.wait("the delete", LIMIT).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(refused.is_err());
    client.instance(&bed.container).await.unwrap();
}

#[tokio::test]
async fn a_failed_start_leaves_the_instance_and_its_log() {
    let bed = Bed::new();
    let client = bed.client();
    let mut new = NewInstance::new(bed.name("broken"), Source::alias(IMAGE));
    new.config.insert("raw.lxc".into(), "lxc.init.cmd = /no/such/init".into());
    (new.start, new.ephemeral) = (true, true);

    let create = client.create_instance(&new).await.unwrap();
    let error = create.wait("the create", LIMIT).await.unwrap_err();

    assert!(matches!(error, cci_incus::Error::Operation { .. }), "{error:?}");
    let (instance, _) = client.instance(&new.name).await.unwrap();
    assert_eq!(instance.status_code, Status::Stopped);
    let log = client.instance_log(&new.name, "lxc.log").await.unwrap();
    assert!(String::from_utf8_lossy(&log).contains("/no/such/init"));
}
