//! Machines as tables: what is found there, and what setup does about it.

use super::*;
use crate::setup::distro::Distro;
use crate::setup::finding::{Health, steps, worst};
use crate::setup::found::{ClosedHome, Firewall, OfRoot, Person, Pool, SharedMounts};
use crate::setup::step::Step;

fn bare() -> Found {
    Found {
        distro: Distro::Bookworm,
        systemd: false,
        incus: Installation::Absent,
        missing_packages: vec!["dnsmasq-base"],
        daemon: Daemon::Silent,
        named_socket: None,
        objects: None,
        subuid: Ok(Vec::new()),
        subgid: Ok(Vec::new()),
        person: Person { name: "ann".into(), uid: 1234, gid: 4321, in_group: false, group_active: false },
        group: "incus-admin".into(),
        of_root: None,
        home_in_part: None,
        closed_home: None,
        shared_mounts: None,
        firewalls: Vec::new(),
        routes: Vec::new(),
        btrfs: true,
        free_bytes: 90 << 30,
        inotify_instances: Some(128),
    }
}

fn working() -> Found {
    let tables = |id: u32| Ok(format!("root:1000000:1000000000\nroot:{id}:1\nann:100000:65536\n").into_bytes());
    Found {
        incus: Installation::Unused,
        missing_packages: Vec::new(),
        daemon: Daemon::Answers { version: "6.0.4".into() },
        objects: Some(Objects {
            pools: vec![Pool { name: "p".into(), driver: "btrfs".into() }],
            bridges: vec![("br".into(), "10.1.0.1/24".into())],
            profile_root: Some("p".into()),
            profile_nic: Some("br".into()),
            network_names: vec!["br".into()],
        }),
        inotify_instances: Some(1 << 20),
        subuid: tables(1234),
        subgid: tables(4321),
        person: Person { in_group: true, group_active: true, ..bare().person },
        ..bare()
    }
}

fn shown(found: &Found) -> Vec<String> {
    steps(&findings(found)).iter().map(Step::shown).collect()
}

#[test]
fn a_bare_machine_gets_everything_in_order() {
    assert_eq!(
        shown(&bare()),
        [
            "write /etc/apt/sources.list.d/cci-backports.sources (bookworm-backports)",
            "run apt-get update; apt-get install -y --no-install-recommends -t bookworm-backports incus-base incus-client dnsmasq-base",
            "add to /etc/subuid: root:1000000:1000000000, root:1234:1",
            "add to /etc/subgid: root:1000000:1000000000, root:4321:1",
            "add to /etc/subuid: ann:100000:65536",
            "add to /etc/subgid: ann:100000:65536",
            "run gpasswd --add ann incus-admin",
            "run sysctl fs.inotify.max_user_instances=1048576, and write it to /etc/sysctl.d/60-cci.conf",
            "start incusd --group incus-admin (detached, no systemd here)",
            "create storage pool 'default' (btrfs on a loop file of 30 GiB)",
            "create bridge 'incusbr0' (10.77.0.1/24, NAT)",
            "give the default profile a root disk on 'default' and a NIC on 'incusbr0'",
        ]
    );
    assert_eq!(worst(&findings(&bare())), Health::Broken);
}

#[test]
fn a_machine_that_works_needs_nothing() {
    assert_eq!(shown(&working()), [""; 0]);
    assert_eq!(worst(&findings(&working())), Health::Ok);
}

#[test]
fn a_half_initialised_incus_gets_only_what_it_lacks() {
    let mut found = working();
    let objects = found.objects.as_mut().unwrap();
    objects.profile_nic = None;
    objects.bridges.clear();
    objects.network_names = vec!["incusbr0".into()];
    assert_eq!(
        shown(&found),
        ["create bridge 'incusbr1' (10.77.0.1/24, NAT)", "give the default profile a NIC on 'incusbr1'",]
    );
    let mut found = working();
    found.objects.as_mut().unwrap().profile_root = None;
    assert_eq!(shown(&found), ["give the default profile a root disk on 'p'"]);
}

#[test]
fn a_pool_that_copies_is_warned_about_and_kept() {
    let mut found = working();
    found.objects.as_mut().unwrap().pools[0].driver = "dir".into();
    assert_eq!(shown(&found), [""; 0]);
    assert_eq!(worst(&findings(&found)), Health::Warning);
    let mut found = bare();
    found.btrfs = false;
    assert!(shown(&found).iter().any(|step| step.contains("dir: each launch copies")), "{:?}", shown(&found));
}

#[test]
fn a_group_that_is_not_active_yet_needs_a_login_and_no_step() {
    let mut found = working();
    found.person.group_active = false;
    found.daemon = Daemon::NoPermission;
    found.objects = None;
    let all = findings(&found);
    assert_eq!(steps(&all), []);
    let group = all.iter().find(|finding| finding.id == "group").unwrap();
    assert_eq!(group.fix.as_deref(), Some("log in again, or run `newgrp incus-admin`"));
    assert_eq!(worst(&all), Health::Broken);
}

#[test]
fn newer_releases_install_from_their_archive_and_others_by_hand() {
    let mut found = bare();
    found.distro = Distro::InArchive("Debian 13".into());
    assert_eq!(
        shown(&found)[0],
        "run apt-get update; apt-get install -y --no-install-recommends incus-base incus-client dnsmasq-base"
    );
    found.distro = Distro::Other("Fedora".into());
    let all = findings(&found);
    assert!(all[0].fix.as_ref().unwrap().contains("your distribution's own way"));
    assert!(!steps(&all).iter().any(|step| matches!(step, Step::Install { .. } | Step::StartDaemon { .. })));
}

#[test]
fn systemd_starts_the_service() {
    let mut found = working();
    found.daemon = Daemon::Silent;
    found.systemd = true;
    found.objects = None;
    assert!(shown(&found).contains(&"run systemctl enable --now incus.socket incus.service".to_owned()));
}

#[test]
fn each_firewall_comes_with_its_exact_fix() {
    let mut found = working();
    found.firewalls = vec![Firewall::Docker, Firewall::Ufw, Firewall::Firewalld];
    let fixes: Vec<String> = findings(&found).into_iter().filter_map(|finding| finding.fix).collect();
    assert!(fixes[0].contains("iptables -I DOCKER-USER -i br -j ACCEPT"));
    assert!(fixes[1].contains("ufw allow in on br"));
    assert!(fixes[2].contains("--change-interface=br"));
    assert_eq!(worst(&findings(&found)), Health::Warning);
}

#[test]
fn a_new_range_comes_after_the_others() {
    let mut found = working();
    found.subuid = Ok(b"root:1000000:1000000000\nroot:1234:1\nb\xf6b:165536:65536\n".to_vec());
    assert_eq!(shown(&found), ["add to /etc/subuid: ann:231072:65536"]);
}

#[test]
fn a_table_that_cannot_be_read_is_broken_and_gets_no_lines() {
    let found = Found { subuid: Err("cannot read /etc/subuid: denied".into()), ..working() };
    let all = findings(&found);
    assert_eq!(shown(&found), [""; 0]);
    assert_eq!(worst(&all), Health::Broken);
    let finding = all.iter().find(|finding| finding.id == "subuid").unwrap();
    assert_eq!(finding.text, "cannot read /etc/subuid: denied");
    assert!(finding.fix.as_ref().unwrap().contains("/etc/subuid"), "{finding:?}");
}

#[test]
fn what_could_not_be_seen_is_not_created_again() {
    let failing = Daemon::Failing { reason: "no answer".into() };
    for daemon in [failing, Daemon::Answers { version: "6.0.4".into() }] {
        let found = Found { daemon, objects: None, ..working() };
        assert_eq!(shown(&found), [""; 0]);
    }
    let found = Found { daemon: Daemon::Failing { reason: "no answer".into() }, objects: None, ..working() };
    assert_eq!(worst(&findings(&found)), Health::Broken);
}

#[test]
fn a_daemon_that_ran_before_is_started_and_then_examined_again() {
    let found = Found { daemon: Daemon::Silent, objects: None, incus: Installation::Used, ..working() };
    assert_eq!(shown(&found), ["start incusd --group incus-admin (detached, no systemd here)"]);
}

#[test]
fn a_named_socket_that_is_silent_starts_no_other_daemon() {
    for incus in [Installation::Unused, Installation::Used] {
        let named = Some("/srv/incus.socket".into());
        let found = Found { daemon: Daemon::Silent, named_socket: named, objects: None, incus, ..working() };
        assert_eq!(shown(&found), [""; 0]);
        let all = findings(&found);
        let finding = all.iter().find(|finding| finding.id == "daemon").unwrap();
        assert!(finding.text.contains("/srv/incus.socket"), "{}", finding.text);
        assert_eq!(worst(&all), Health::Broken);
    }
}

#[test]
fn too_few_inotify_instances_are_a_warning_that_setup_fixes() {
    let mut found = working();
    found.inotify_instances = Some(128);
    let all = findings(&found);
    let finding = all.iter().find(|finding| finding.id == "inotify").unwrap();
    assert_eq!((finding.health, finding.steps.len()), (Health::Warning, 1));
    assert!(finding.text.contains("10 containers"), "{}", finding.text);
    found.inotify_instances = None;
    assert!(findings(&found).iter().all(|finding| finding.id != "inotify"), "nothing can be done about it from here");
}

#[test]
fn what_belongs_to_root_in_the_persons_directories_is_given_back() {
    let directories = vec!["/home/ann/.cci".into()];
    let of_root = Some(OfRoot { first: "/home/ann/.cci/network".into(), directories });
    let findings = findings(&Found { of_root, ..working() });
    let home = findings.iter().find(|finding| finding.id == "home").unwrap();
    assert_eq!((home.health, home.fix.as_deref()), (Health::Broken, Some("cci setup")));
    assert_eq!(home.text, "/home/ann/.cci/network belongs to root, so ann cannot use it");
    assert_eq!(home.steps[0].shown(), "run chown -R --from=root ann /home/ann/.cci");
    assert!(home.steps[0].needs_root());
}

#[test]
fn a_directory_that_was_looked_at_in_part_is_told() {
    let found = findings(&Found { home_in_part: Some(("/home/ann/.cci".into(), 200_000)), ..working() });
    let home = found.iter().find(|finding| finding.id == "home").unwrap();
    assert_eq!(home.health, Health::Ok);
    assert_eq!(
        home.text,
        "/home/ann/.cci: none of its first 200000 files belongs to root; the others were not looked at"
    );
}

#[test]
fn private_mounts_of_incus_are_a_warning_with_its_way_out() {
    let point = "/var/lib/incus/shmounts";
    let of = |are_shared| {
        let shared_mounts = Some(SharedMounts { point: point.into(), are_shared });
        findings(&Found { shared_mounts, ..working() })
    };
    assert_eq!(worst(&of(true)), Health::Ok);
    assert_eq!(worst(&of(false)), Health::Warning);
    let found = of(false).into_iter().find(|finding| finding.id == "shared-mounts").unwrap();
    assert!(found.fix.unwrap().starts_with("sudo mount --make-shared /var/lib/incus/shmounts;"));
}

#[test]
fn a_home_in_which_nothing_can_be_made_is_broken() {
    for (exists, text) in [
        (false, "the home directory /nonexistent does not exist"),
        (true, "/nonexistent, where cci keeps what it has of you, is closed to you"),
    ] {
        let closed_home = Some(ClosedHome { path: "/nonexistent".into(), exists });
        let findings = findings(&Found { closed_home, ..working() });
        let found = findings.iter().find(|finding| finding.id == "home").unwrap();
        assert_eq!((found.health, found.text.as_str()), (Health::Broken, text));
        assert!(found.fix.as_ref().unwrap().contains("HOME"), "{found:?}");
    }
}
