//! Networks and ACLs.

use cci_incus::{AclPut, AclRule, Config, NetworkStatus, NewNetwork, Refusal, Result};

use crate::support::{LIMIT, Project, apart, shared, token, until};

/// A bridge without addresses, deleted at the end of the test.
struct Bridge<'a> {
    project: &'a Project,
    name: String,
}

impl<'a> Bridge<'a> {
    async fn new(project: &'a Project) -> Self {
        let bridge = Self { project, name: format!("ct{}", token()) };
        let new = NewNetwork::bridge(&bridge.name, without_addresses());
        let client = project.client();
        let create = async || {
            let made = client.create_network(&new).await;
            if made.is_err() {
                // its remains would be in the way
                let _ = client.delete_network(&bridge.name).await;
            }
            made
        };
        changed(create).await.unwrap();
        bridge
    }
}

/// What a change of a network comes to. Incus looks at every interface of the host meanwhile, and fails when one of them goes:
/// then it is asked again.
async fn changed(mut ask: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let mut done = Ok(());
    until("an answer about the network", async || {
        done = ask().await;
        !matches!(&done, Err(error) if error.refusal() == Refusal::InterfaceGone)
    })
    .await;
    done
}

impl Drop for Bridge<'_> {
    fn drop(&mut self) {
        // connections belong to a runtime: a client of its own
        let client = self.project.client();
        apart(async {
            let gone = async {
                loop {
                    match client.delete_network(&self.name).await {
                        Err(error) if error.refusal() == Refusal::InterfaceGone => {}
                        done => return done,
                    }
                }
            };
            match tokio::time::timeout(LIMIT, gone).await {
                Ok(Ok(())) => {}
                stays => eprintln!("the network of this test stays: {stays:?}"),
            }
        });
    }
}

fn without_addresses() -> Config {
    ["ipv4.address", "ipv6.address"].map(|key| (key.to_owned(), "none".to_owned())).into()
}

#[tokio::test]
async fn a_network_is_made_changed_and_guarded_by_its_version() {
    let project = Project::new(&[]);
    let client = project.client();
    let bridge = Bridge::new(&project).await;
    let (network, etag) = client.network(&bridge.name).await.unwrap();
    assert!(network.managed);
    assert_eq!((network.kind.as_str(), network.status), ("bridge", NetworkStatus::Created));

    let note: Config = [("user.note".to_owned(), "1".to_owned())].into();
    let patch = async || client.patch_network(&bridge.name, &note, Some(&etag)).await;
    changed(patch).await.unwrap();
    assert!(changed(patch).await.unwrap_err().is_precondition_failed());
    let (network, _) = client.network(&bridge.name).await.unwrap();
    assert_eq!(network.config["user.note"], "1");
    assert!(client.networks().await.unwrap().iter().any(|network| network.name == bridge.name));
}

#[tokio::test]
async fn a_lease_shows_the_address_of_a_container() {
    let bed = shared();
    let client = bed.client();
    let (instance, _) = client.instance(&bed.container).await.unwrap();
    let network = instance.nics().find_map(|nic| nic.network.clone()).unwrap();
    let mac = instance.config["volatile.eth0.hwaddr"].clone();

    until("a lease", async || client.network_leases(&network).await.unwrap().iter().any(|lease| lease.hwaddr == mac))
        .await;

    let leases = client.network_leases(&network).await.unwrap();
    assert!(leases.iter().any(|lease| lease.hostname == bed.container), "{leases:?}");
}

#[tokio::test]
async fn an_acl_is_replaced_in_one_step() {
    let project = Project::new(&["networks"]);
    let client = project.client();
    let reject = AclRule { destination: "10.0.0.0/8".into(), ..AclRule::default() };
    let content = AclPut { egress: vec![reject.clone()], ..AclPut::default() };
    client.create_acl("guard", &content).await.unwrap();
    assert!(client.create_acl("guard", &content).await.is_err());

    let (acl, etag) = client.acl("guard").await.unwrap();
    assert_eq!((acl.egress.as_slice(), acl.ingress.len()), ([reject].as_slice(), 0));
    let empty = AclPut { description: "open".into(), ..AclPut::default() };
    client.put_acl("guard", &empty, Some(&etag)).await.unwrap();
    assert!(client.put_acl("guard", &empty, Some(&etag)).await.unwrap_err().is_precondition_failed());

    let acls = client.acls().await.unwrap();
    assert_eq!((acls.len(), acls[0].description.as_str(), acls[0].egress.len()), (1, "open", 0));
    client.delete_acl("guard").await.unwrap();
    assert!(client.acl("guard").await.unwrap_err().is_not_found());
}
