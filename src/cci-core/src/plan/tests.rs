//! The launch plan as a table: what is set, what the host is, what is asked of Incus.

use std::path::Path;

use proptest::prelude::*;

use cci_incus_types::{Device, Disk, device};

use super::*;
use crate::environment::HostLocale;
use crate::host_disk::HostPath;
use crate::idmap::{IdmapFacts, Ids, SubRange};
use crate::machine::{Container, container};
use crate::mount::Mount;
use crate::pin::{Birth, Identity};

fn place(path: &str, inode: u64) -> HostPath {
    HostPath::new(Path::new(path), Identity { device: 27, inode, born: Birth::default() }, Ids { uid: 1234, gid: 1234 })
        .unwrap()
}

fn ask() -> Ask {
    Ask {
        prefix: Prefix::default(),
        workspace: Workspace::at("/home/u/proj"),
        owner_uid: 1234,
        launch: "nonce".into(),
        session: Some((SessionId::from_random([1; 16]), place("/home/u/.cci/sessions/x/state", 5))),
        sockets: None,
        roots: Roots::OfImage,
        login: BTreeMap::new(),
        environment: BTreeMap::new(),
    }
}

fn host() -> HostFacts {
    let ranges = vec![SubRange { start: 1_000_000, count: 1_000_000_000 }, SubRange { start: 1234, count: 1 }];
    HostFacts {
        idmap: IdmapFacts { agent: Ids { uid: 1234, gid: 1234 }, guest: 1000, subuid: ranges.clone(), subgid: ranges },
        locale: HostLocale::default(),
        author: Author::default(),
        policy: None,
        nic: Some(Nic {
            device: "eth0".into(),
            config: device::Nic::on("br", "eth0"),
            network: Some(Network {
                subnet: Subnet::parse("10.77.0.1/24").unwrap(),
                taken: Vec::new(),
                resolv: place("/home/u/.cci/network/10.77.0.1.conf", 6),
            }),
        }),
        other_nics: Vec::new(),
        nft: None,
        stop_hook: None,
        root: None,
        workspace: Some(place("/home/u/proj", 4242)),
        mounts: Vec::new(),
        git: GitView::default(),
    }
}

/// From an image that takes the name server from the host.
fn plan(settings: &Settings, host: &HostFacts) -> LaunchPlan {
    LaunchPlan::new(&ask(), settings, host).unwrap().from_image("cci", true)
}

/// A disk of a request, by its device's name.
fn disk<'a>(spec: &'a Container, name: &str) -> &'a Disk {
    spec.devices[name].as_disk().unwrap()
}

/// The network interface of a request.
fn eth0(spec: &Container) -> &device::Nic {
    spec.devices["eth0"].as_nic().unwrap()
}

fn first(settings: &Settings, host: &HostFacts) -> Container {
    container(&plan(settings, host).machine(Slot::new(1).unwrap()))
}

#[test]
fn one_request_holds_everything() {
    let spec = first(&Settings::default(), &host());
    assert_eq!(spec.name, "cci-9c09f805-1");
    assert_eq!(spec.config["user.cci.image"], "cci");
    assert!(spec.ephemeral);
    let config = |key: &str| spec.config.get(key).map(String::as_str);
    assert_eq!(config("raw.idmap"), Some("uid 1234 1000\ngid 1234 1000"));
    assert_eq!(config("security.idmap.isolated"), Some("true"));
    assert_eq!(config("security.nesting"), Some("true"));
    assert_eq!(config("security.guestapi"), Some("false"));
    assert_eq!(config("security.privileged"), Some("false"));
    assert_eq!(config("user.cci.slot"), Some("1"));
    assert_eq!(config("user.cci.owner-uid"), Some("1234"));
    assert_eq!(config("user.cci.workspace"), Some("/home/u/proj"));
    assert_eq!(spec.devices["workspace"].path(), Some("/workspace"));
    assert_eq!(spec.devices["session"].path(), Some(environment::state(cci_agent::default_agent()).as_str()));
    assert!(eth0(&spec).port_isolation);
    assert!(!spec.devices.contains_key("root"));
    assert!(device::disks(&spec.devices).all(|(_, disk)| !disk.shift));
}

#[test]
fn the_network_is_there_with_the_first_instruction() {
    let plan = plan(&Settings::default(), &host());
    let spec = container(&plan.machine(Slot::new(1).unwrap()));
    let address = eth0(&spec).ipv4_address.unwrap();
    assert!(spec.config["raw.lxc"].contains(&format!("lxc.net.0.ipv4.address = {address}/24\n")), "{spec:?}");
    assert!(spec.config["raw.lxc"].contains("lxc.net.0.ipv4.gateway = 10.77.0.1\n"), "{spec:?}");
    assert_eq!(spec.devices["resolv"].path(), Some("/etc/resolv.conf"));
    assert!(plan.has_instant_network());
    assert_eq!(plan.mounted_of_home().count(), 2, "the conversation and the name server");
}

#[test]
fn an_image_with_a_name_server_of_its_own_keeps_it() {
    let mut host = host();
    host.root = Some(Disk::root("p1"));
    let own = plan(&Settings::default(), &host).from_image("cci", false);
    for own in [own.on(host.nic.clone()), own.again(), own] {
        assert!(!container(&own.machine(Slot::FIRST)).devices.contains_key("resolv"), "{own:?}");
        assert!(!container(&own.standalone("x", true)).devices.contains_key("resolv"), "{own:?}");
        assert!(!own.has_instant_network(), "names come with the lease only");
    }
}

#[test]
fn beyond_the_daemons_reach_nothing_of_the_home_is_mounted() {
    let mut host = host();
    let near = plan(&Settings::default(), &host);
    assert_eq!(near.mounted_of_home().collect::<Vec<_>>().len(), 2);
    assert!(near.state_volume().is_none());
    assert!(near.beyond_home(None).is_none(), "without a pool there is no place for a volume");
    host.root = Some(Disk::root("p1"));
    let near = plan(&Settings::default(), &host);
    let far = near.beyond_home(None).unwrap();
    let volume = far.state_volume().unwrap();
    assert_eq!((volume.pool.as_str(), volume.name), ("p1", format!("cci-session-{}", far.session().unwrap())));
    assert_eq!(near.beyond_home(Some("p2")).unwrap().state_volume().unwrap().pool, "p2");
    for far in [far.on(host.nic.clone()), far] {
        let spec = container(&far.machine(Slot::new(1).unwrap()));
        let home = |device: Device| device::Keys::from(device).values().any(|value| value.starts_with("/home/u/.cci"));
        assert!(!spec.devices.values().cloned().any(home), "{spec:?}");
        let session = disk(&spec, "session");
        let state = environment::state(cci_agent::default_agent());
        assert_eq!((session.pool.as_deref(), session.path.as_deref()), (Some("p1"), Some(state.as_str())));
        assert!(!far.has_instant_network(), "names come with the lease only");
        assert_eq!(far.mounted_of_home().count(), 0);
        assert!(far.beyond_home(None).is_none(), "it is tried once");
    }
}

fn mount(source: HostPath, number: usize, container: &str) -> Mount {
    Mount { device: format!("mount-{number}"), source, container: container.into(), readonly: number.is_multiple_of(2) }
}

/// Every disk of a request with a host path for its source has a hook that knows what was there.
fn assert_held(spec: &Container, known: &BTreeMap<String, u64>) {
    let hook = spec.config.get("raw.lxc").map(String::as_str).unwrap_or_default();
    for (name, device) in &spec.devices {
        let keys = device::Keys::from(device.clone());
        let Some(source) = keys.get("source").filter(|source| source.starts_with('/')) else { continue };
        assert_eq!(keys["type"], "disk", "{name}");
        let held = format!("\"$LXC_ROOTFS_MOUNT\"'{}'", keys["path"]);
        assert!(hook.contains(&held), "{name} is not held: {hook}");
        let known = format!("27:{}:0.000000000 ", known[source]);
        assert!(hook.contains(&known), "{name} is not known: {hook}");
    }
}

proptest! {
    #[test]
    fn every_disk_of_every_request_is_held_to_what_it_was(
        inodes in prop::collection::vec(100u64..200, 0..4),
        (persistent, open, session, instant, far) in any::<(bool, bool, bool, bool, bool)>(),
        slot in 1u8..=Slot::MAX,
    ) {
        let (mut host, mut ask, mut settings) = (host(), ask(), Settings::default());
        settings.defaults.persistent = persistent;
        settings.network.mode = if open { Mode::Open } else { Mode::Restricted };
        host.root = Some(Disk::root("p1"));
        if !session {
            ask.session = None;
        }
        let mut known: BTreeMap<String, u64> = [
            ("/home/u/proj", 4242), ("/home/u/.cci/sessions/x/state", 5), ("/home/u/.cci/network/10.77.0.1.conf", 6),
        ].map(|(path, inode)| (path.to_owned(), inode)).into();
        for (number, inode) in inodes.iter().enumerate() {
            let path = format!("/srv/{number}");
            host.mounts.push(mount(place(&path, *inode), number, &format!("/m{number}")));
            known.insert(path, *inode);
        }
        let plan = LaunchPlan::new(&ask, &settings, &host).unwrap().from_image("cci", instant);
        let plan = if far { plan.beyond_home(None).unwrap() } else { plan };
        let slot = Slot::new(slot).unwrap();
        for plan in [plan.on(host.nic.clone()), plan.again(), plan] {
            let spec = container(&plan.machine(slot));
            prop_assert!(spec.devices.len() > inodes.len());
            assert_held(&spec, &known);
            assert_held(&container(&plan.standalone("x", true)), &known);
            let mounted = container(&plan.standalone("x", true)).devices.into_keys().filter(|name| name.starts_with("mount") || name == "workspace").count();
            prop_assert_eq!(mounted, 0, "a container of no workspace sees nothing of it");
        }
    }
}

#[test]
fn an_address_that_another_container_has_is_left_to_it() {
    let free = eth0(&first(&Settings::default(), &host())).ipv4_address.unwrap();
    let taken_by = |name: &str| {
        let mut host = host();
        let network = host.nic.as_mut().unwrap().network.as_mut().unwrap();
        network.taken.push((name.to_owned(), free));
        eth0(&first(&Settings::default(), &host)).ipv4_address.unwrap()
    };
    assert_ne!(taken_by("other"), free);
    assert_eq!(taken_by("cci-9c09f805-1"), free, "its own address is not taken from itself");
}

#[test]
fn a_network_that_was_made_again_elsewhere_takes_the_launch_along() {
    let plan = plan(&Settings::default(), &host());
    let mut nic = host().nic.unwrap();
    nic.network = Some(Network {
        subnet: Subnet::parse("10.99.0.1/24").unwrap(),
        taken: Vec::new(),
        resolv: place("/home/u/.cci/network/10.99.0.1.conf", 8),
    });
    let moved = container(&plan.on(Some(nic)).machine(Slot::FIRST));
    assert!(eth0(&moved).ipv4_address.unwrap().to_string().starts_with("10.99.0."), "{:?}", moved.devices);
    assert!(disk(&moved, "resolv").host_source().unwrap().ends_with("10.99.0.1.conf"), "{:?}", moved.devices);
    let text = format!("{moved:?}");
    assert!(!text.contains("10.77."), "something of the old place is left: {text}");
    assert_eq!(container(&plan.on(host().nic).machine(Slot::FIRST)), container(&plan.machine(Slot::FIRST)));
}

#[test]
fn a_second_nic_of_the_profile_is_no_way_round_a_policy() {
    let mut host = host();
    host.nic = Some(Nic::guarded("eth0", "cci-0badcafe", None));
    host.other_nics = vec!["eth1".into()];
    let mut settings = Settings::default();
    settings.network.mode = Mode::Restricted;
    let spec = first(&settings, &host);
    assert_eq!(spec.devices["eth1"], Device::none());
    let eth0 = eth0(&spec);
    assert_eq!(eth0.network.as_deref(), Some("cci-0badcafe"));
    assert!(eth0.port_isolation && eth0.mac_filtering && eth0.ipv4_filtering, "{eth0:?}");
    settings.network.mode = Mode::Open;
    assert!(!first(&settings, &host).devices.contains_key("eth1"));
}

#[test]
fn limits_and_pool_take_effect() {
    let limits = Limits {
        cpu: Some("2".into()),
        memory: Some("1GiB".into()),
        processes: Some("99".into()),
        disk: Some("3GiB".into()),
    };
    let mut settings = Settings { limits, ..Settings::default() };
    settings.incus.storage_pool = Some("fast".into());
    settings.defaults.docker = false;
    settings.defaults.persistent = true;
    let spec = first(&settings, &host());
    assert_eq!(spec.config["limits.cpu"], "2");
    assert_eq!(spec.config["limits.memory"], "1GiB");
    assert_eq!(spec.config["limits.processes"], "99");
    assert_eq!(disk(&spec, "root").size.as_deref(), Some("3GiB"));
    assert_eq!(disk(&spec, "root").pool.as_deref(), Some("fast"));
    assert!(!spec.config.contains_key("security.nesting"));
    assert!(!spec.ephemeral);
    assert_eq!(spec.config["user.cci.persistent"], "true");
}

#[test]
fn a_shifted_mount_is_used_only_when_asked_for_and_warned_about() {
    let mut settings = Settings::default();
    settings.incus.idmap = idmap::IdmapMode::Shift;
    let plan = plan(&settings, &host());
    assert_eq!(plan.warnings, [PlanWarning::ShiftedWorkspace]);
    assert!(disk(&container(&plan.machine(Slot::new(1).unwrap())), "workspace").shift);
}

#[test]
fn roots_own_workspace_is_warned_about() {
    let mut host = host();
    host.idmap.agent = Ids { uid: 0, gid: 0 };
    let plan = plan(&Settings::default(), &host);
    assert_eq!(plan.warnings, [PlanWarning::RootsWorkspace]);
}

#[test]
fn a_host_without_the_line_says_which_and_how() {
    let mut host = host();
    host.idmap.subgid.pop();
    let error = LaunchPlan::new(&ask(), &Settings::default(), &host).unwrap_err();
    assert_eq!(error.code(), "host-unfit");
    assert!(error.to_string().contains("/etc/subgid has no line `root:1234:1`"), "{error}");
}

#[test]
fn a_container_trusts_its_users_authority_where_that_is_beside_its_sockets() {
    let planned = |roots| {
        let ask = Ask { sockets: Some(place("/home/u/.cci/run/x", 7)), roots, ..ask() };
        LaunchPlan::new(&ask, &Settings::default(), &host()).unwrap()
    };
    assert!(planned(Roots::AndOfUser).trusts_its_user());
    assert!(!planned(Roots::OfImage).trusts_its_user());
    assert!(!planned(Roots::AndOfUser).beyond_home(Some("pool")).unwrap().trusts_its_user());
}

#[test]
fn the_sockets_of_a_session_are_mounted_where_the_container_has_the_callers_ids() {
    let with_sockets = |settings: &Settings| {
        let ask = Ask { sockets: Some(place("/home/u/.cci/run/x", 7)), ..ask() };
        LaunchPlan::new(&ask, settings, &host()).unwrap().from_image("cci", true)
    };
    let plan = with_sockets(&Settings::default());
    assert!(plan.has_sockets());
    let spec = container(&plan.machine(Slot::FIRST));
    let disk = disk(&spec, SOCKETS);
    assert_eq!((disk.source.as_deref(), disk.path.as_deref()), (Some("/home/u/.cci/run/x"), Some("/var/lib/cci")));
    assert!(spec.config["raw.lxc"].contains("27:7:"), "it is pinned like every directory of the host");
    assert!(plan.mounted_of_home().any(|source| source == "/home/u/.cci/run/x"));
    assert!(plan.pinned().iter().all(|pinned| pinned.source != "/home/u/.cci/run/x"), "it is not the user's own");
    let away = plan.beyond_home(Some("pool")).unwrap();
    assert!(!away.has_sockets() && !container(&away.machine(Slot::FIRST)).devices.contains_key(SOCKETS));
    assert!(!container(&plan.standalone("x", true)).devices.contains_key(SOCKETS));
    let mut shifted = Settings::default();
    shifted.incus.idmap = idmap::IdmapMode::Shift;
    assert!(!with_sockets(&shifted).has_sockets(), "its root would be the host's root in there");
}
