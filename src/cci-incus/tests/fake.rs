//! The client against the fake daemon, and the fake daemon against the observed behaviour of Incus.

use cci_incus::fake::{Answer, Daemon, PATIENCE};
use cci_incus::{
    Client, Config, Disk, EventBody, EventKind, Exec, InstancePatch, InstancePut, NewInstance, NewNetwork, Nic,
    OperationKind, Refusal, Source, StateChange, Status,
};

fn launch(name: &str) -> NewInstance {
    NewInstance { start: true, ephemeral: true, ..NewInstance::new(name, Source::alias("base")) }
}

async fn create(client: &Client, new: &NewInstance) -> cci_incus::Result<()> {
    client.create_instance(new).await?.wait("the create", PATIENCE).await.map(drop)
}

fn with_address(name: &str, address: &str) -> NewInstance {
    let mut new = launch(name);
    let nic = Nic { ipv4_address: address.parse().ok(), ..Nic::on("incusbr0", "eth0") };
    new.devices.insert("eth0".into(), nic.into());
    new
}

#[tokio::test]
async fn an_instance_is_created_started_and_gone_with_its_stop() {
    let daemon = Daemon::start();
    let client = daemon.client();
    create(&client, &launch("c1")).await.unwrap();
    let (instance, _) = client.instance("c1").await.unwrap();
    assert_eq!((instance.status_code, instance.root_pool()), (Status::Running, Some("default")));

    let refused = client.delete_instance("c1").await.unwrap_err();
    assert!(refused.to_string().contains("Instance is running"), "{refused}");

    client.change_state("c1", &StateChange::kill()).await.unwrap().wait("the stop", PATIENCE).await.unwrap();
    assert!(client.instance("c1").await.unwrap_err().is_not_found());
    assert!(client.instances().await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_creates_of_one_name_one_wins() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let (one, two) = (launch("c1"), launch("c1"));
    let (one, two) = tokio::join!(create(&client, &one), create(&client, &two));
    let lost: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
    assert_eq!(lost.iter().map(cci_incus::Error::refusal).collect::<Vec<_>>(), [Refusal::NameTaken]);
    create(&client.in_project("p"), &launch("c1")).await.unwrap();
    assert_eq!(client.instances().await.unwrap().len(), 1);
    assert_eq!(client.instances_of_all_projects().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_address_is_one_instances_and_a_network_must_be_there() {
    let daemon = Daemon::start();
    let client = daemon.client();
    create(&client, &with_address("c1", "10.77.0.9")).await.unwrap();
    let refused = create(&client, &with_address("c2", "10.77.0.9")).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::AddressTaken);
    assert_eq!(client.instance("c2").await.unwrap().0.status_code, Status::Stopped, "it was created and not started");
    assert_eq!(client.network_leases("incusbr0").await.unwrap()[0].address, "10.77.0.9");

    let mut lost = launch("c3");
    lost.devices.insert("eth0".into(), Nic::on("br9", "eth0").into());
    let refused = create(&client, &lost).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::NetworkMissing("br9".into()));
    client.create_network(&NewNetwork::bridge("br9", Config::new())).await.unwrap();
    create(&client, &lost).await.unwrap();
}

#[tokio::test]
async fn a_change_is_refused_if_another_was_quicker() {
    let daemon = Daemon::start();
    let client = daemon.client();
    create(&client, &launch("c1")).await.unwrap();
    let (instance, etag) = client.instance("c1").await.unwrap();
    let set =
        |value: &str| InstancePatch { config: [("user.x".into(), value.into())].into(), ..InstancePatch::default() };
    client.patch_instance("c1", &set("1"), Some(&etag)).await.unwrap();
    let late = client.put_instance("c1", &InstancePut::from(instance), Some(&etag)).await.unwrap_err();
    assert!(late.is_precondition_failed(), "{late}");
    client.patch_instance("c1", &set(""), None).await.unwrap();
    assert!(!client.instance("c1").await.unwrap().0.config.contains_key("user.x"), "an empty value takes a key away");
}

#[tokio::test]
async fn a_device_goes_there_and_back() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let mut new = launch("c1");
    let disk = Disk { readonly: true, ..Disk::of_host("/srv/a", "/a") };
    new.devices.insert("a".into(), disk.clone().into());
    create(&client, &new).await.unwrap();
    assert_eq!(client.instance("c1").await.unwrap().0.devices["a"], disk.into());
}

#[tokio::test]
async fn calls_are_counted_and_spoilt_once() {
    let daemon = Daemon::start();
    let client = daemon.client();
    daemon.on("GET /1.0/instances").nth(2).refuse(500, "No");
    daemon.on("GET /1.0/profiles/*").lose();
    assert!(client.instances().await.is_ok());
    let refused = client.instances().await.unwrap_err();
    assert_eq!(refused.to_string(), "cannot list instances: No");
    assert!(client.instances().await.is_ok());
    assert!(matches!(client.profile("default").await, Err(cci_incus::Error::ConnectionLost { .. })));
    assert!(client.profile("default").await.is_ok());
    assert_eq!((daemon.count("GET /1.0/instances"), daemon.count("GET /1.0/*/*")), (3, 2));
    assert_eq!(daemon.requests().len(), 5);
}

#[tokio::test]
async fn a_call_whose_answer_is_cut_was_done() {
    let daemon = Daemon::start();
    let client = daemon.client();
    daemon.on("POST /1.0/instances").cut();
    assert!(create(&client, &launch("c1")).await.is_err());
    assert_eq!(client.instance("c1").await.unwrap().0.status_code, Status::Running);
}

#[tokio::test]
async fn an_image_is_found_by_alias_and_by_the_beginning_of_its_fingerprint() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let fingerprint = daemon.add_image("base");
    assert_eq!(client.image_by("base").await.unwrap().unwrap().fingerprint, fingerprint);
    assert_eq!(client.image_by(&fingerprint[..12]).await.unwrap().unwrap().fingerprint, fingerprint);
    assert!(client.image_by("other").await.unwrap().is_none());
}

#[tokio::test]
async fn a_command_is_answered_as_scripted() {
    let daemon = Daemon::start();
    let client = daemon.client();
    daemon.answer("greet", Answer { stdout: b"hello".to_vec(), stderr: b"oh".to_vec(), status: 3 });
    let exec = Exec::new(["greet"]);
    assert!(client.exec_detached("c1", &exec, PATIENCE).await.unwrap_err().is_not_found());
    create(&client, &launch("c1")).await.unwrap();
    assert_eq!(client.exec_detached("c1", &exec, PATIENCE).await.unwrap(), 3);
    let done = client.exec_captured("c1", &exec, b"in", PATIENCE).await.unwrap();
    assert_eq!((done.stdout, done.stderr, done.status), (b"hello".to_vec(), b"oh".to_vec(), 3));
    assert!(client.operations().await.unwrap().iter().any(|one| one.kind() == OperationKind::Executing));
}

#[tokio::test]
async fn events_tell_what_happens() {
    let daemon = Daemon::start();
    let client = daemon.client();
    let mut events = client.events(&[EventKind::Lifecycle], false).await.unwrap();
    create(&client, &launch("c1")).await.unwrap();
    let EventBody::Lifecycle(first) = events.next().await.unwrap().unwrap().body else {
        panic!("not a lifecycle event")
    };
    assert_eq!((first.action.as_str(), first.instance().as_deref()), ("instance-created", Some("c1")));
}
