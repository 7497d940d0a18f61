//! What is well and what is not on the machine, each with its fix, and the steps that setup takes for it.

use cci_guest::GuestText;

use super::distro::Distro;
use super::found::{Daemon, Firewall, Found, Installation, Objects, OfRoot, Person};
use super::step::Step;
use super::subnet;
use crate::idmap::{Ids, Line, root_ranges};

/// What one container's system takes of the kernel's inotify instances.
const A_CONTAINERS: u64 = 12;
/// Enough of them for a hundred containers.
pub const MANY_INOTIFY: u64 = 100 * A_CONTAINERS;
/// What Incus's documentation advises for a server.
const ENOUGH_INOTIFY: u64 = 1 << 20;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Ok,
    /// It works, and something could be better.
    Warning,
    /// It does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable kebab-case name.
    pub id: &'static str,
    /// How bad it is.
    pub health: Health,
    /// What was found.
    pub text: String,
    /// What a person does about it, where setup cannot.
    pub fix: Option<String>,
    /// What setup does about it.
    pub steps: Vec<Step>,
}

impl Finding {
    fn ok(id: &'static str, text: impl Into<String>) -> Self {
        Self { id, health: Health::Ok, text: text.into(), fix: None, steps: Vec::new() }
    }

    fn broken(id: &'static str, text: impl Into<String>, steps: Vec<Step>) -> Self {
        let fix = (!steps.is_empty()).then(|| "cci setup".to_owned());
        Self { id, health: Health::Broken, text: text.into(), fix, steps }
    }

    fn warning(id: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, health: Health::Warning, text: text.into(), fix: Some(fix.into()), steps: Vec::new() }
    }

    fn fixed_by(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Looks at everything, in the order in which it has to be fixed.
#[must_use]
pub fn findings(found: &Found) -> Vec<Finding> {
    let mut all = vec![packages(found)];
    all.extend(["/etc/subuid", "/etc/subgid"].map(|table| subordinate_ids(found, table)));
    all.push(own_range(found));
    all.push(membership(found));
    all.extend(found.inotify_instances.map(inotify));
    all.extend(found.of_root.as_ref().map(|of_root| roots_files(found, of_root)));
    all.push(daemon(found));
    all.extend(found.shared_mounts.map(shared_mounts));
    // of a daemon that never ran everything is still to be made; what was not seen is not taken as absent
    let objects = match (&found.daemon, &found.objects) {
        (Daemon::Silent, _) if found.incus != Installation::Used && found.named_socket.is_none() => Objects::default(),
        (Daemon::Answers { .. }, Some(objects)) => objects.clone(),
        _ => return all,
    };
    let (pool, pool_name) = pool(found, &objects);
    let (bridge, bridge_name) = bridge(found, &objects);
    all.extend([pool, bridge, profile(&objects, pool_name, bridge_name.clone())]);
    all.extend(
        found.firewalls.iter().map(|firewall| in_the_way(*firewall, bridge_name.as_deref().unwrap_or("incusbr0"))),
    );
    all
}

/// What is to be done, in order.
#[must_use]
pub fn steps(findings: &[Finding]) -> Vec<Step> {
    findings.iter().flat_map(|finding| finding.steps.clone()).collect()
}

/// The worst of all: what `doctor` ends with (0, 1, 2).
#[must_use]
pub fn worst(findings: &[Finding]) -> Health {
    findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok)
}

fn packages(found: &Found) -> Finding {
    if found.incus != Installation::Absent && found.missing_packages.is_empty() {
        return Finding::ok("packages", "Incus and what it needs are installed");
    }
    let mut wanted: Vec<String> = found.missing_packages.iter().map(|&package| package.to_owned()).collect();
    if found.incus == Installation::Absent {
        wanted.splice(0..0, ["incus-base", "incus-client"].map(str::to_owned));
    }
    let text = format!("not installed: {}", wanted.join(", "));
    match &found.distro {
        Distro::Other(name) => Finding::broken("packages", format!("{text} (on {name})"), Vec::new()).fixed_by(
            "install Incus 6.0 or newer by your distribution's own way, with dnsmasq, btrfs-progs and nftables; \
             start it; then run `cci setup` again",
        ),
        Distro::Bookworm if found.incus == Installation::Absent => Finding::broken(
            "packages",
            text,
            vec![Step::AddBackports, Step::Install { packages: wanted, suite: Some("bookworm-backports") }],
        ),
        _ => Finding::broken("packages", text, vec![Step::Install { packages: wanted, suite: None }]),
    }
}

/// root must be allowed to map a wide range for containers, and the person's own id into them.
fn subordinate_ids(found: &Found, table: &'static str) -> Finding {
    let (id, content, own) = if table == "/etc/subuid" {
        ("subuid", &found.subuid, found.person.uid)
    } else {
        ("subgid", &found.subgid, found.person.gid)
    };
    let ranges = match content {
        Ok(content) => root_ranges(content),
        // what is in it is not known, so nothing is added to it
        Err(problem) => {
            return Finding::broken(id, problem.clone(), Vec::new())
                .fixed_by(format!("make {table} a file that can be read, as `ls -ld {table}` shows it"));
        }
    };
    let mut lines = Vec::new();
    if !ranges.iter().any(|range| range.count >= 65_536) {
        lines.push("root:1000000:1000000000".to_owned());
    }
    if own != 0 && !ranges.iter().any(|range| range.holds(own)) {
        lines.push(format!("root:{own}:1"));
    }
    if lines.is_empty() {
        return Finding::ok(id, format!("{table} lets containers map users"));
    }
    Finding::broken(id, format!("{table} lacks {}", lines.join(", ")), vec![Step::AddLines { table, lines }])
}

/// An ordinary user builds from a bootstrap in a user namespace, which needs a range of their own.
fn own_range(found: &Found) -> Finding {
    let person = &found.person;
    if person.uid == 0 {
        return Finding::ok("own-range", "root needs no range of its own");
    }
    let (Ok(users), Ok(groups)) = (&found.subuid, &found.subgid) else {
        let text = format!("whether {} has a range of subordinate ids cannot be seen", person.name);
        return Finding::warning("own-range", text, "fix the tables first");
    };
    let lacks = |table: &[u8]| !crate::build::bootstrap::has_subordinate_ids(table, &person.name, person.uid);
    let tables = [("/etc/subuid", users), ("/etc/subgid", groups)];
    let missing: Vec<&'static str> =
        tables.into_iter().filter(|(_, content)| lacks(content)).map(|(table, _)| table).collect();
    if missing.is_empty() {
        return Finding::ok("own-range", format!("{} has a range of subordinate ids", person.name));
    }
    let start = first_free([users, groups]);
    let line = format!("{}:{start}:65536", person.name);
    let steps = missing.iter().map(|table| Step::AddLines { table, lines: vec![line.clone()] }).collect();
    let text = format!("{} has no range in {}, so `cci build` cannot bootstrap", person.name, missing.join(" and "));
    Finding { health: Health::Warning, ..Finding::broken("own-range", text, steps) }
}

/// The first id behind every range that is not the wide one of root.
fn first_free(tables: [&Vec<u8>; 2]) -> u64 {
    let ends = tables.into_iter().flat_map(|table| Line::all(table).map(Line::end));
    ends.filter(|end| *end < 1_000_000).max().unwrap_or(0).max(100_000)
}

fn membership(found: &Found) -> Finding {
    let (person, group) = (&found.person, &found.group);
    if person.uid == 0 || found.daemon != Daemon::NoPermission && person.in_group && person.group_active {
        return Finding::ok("group", format!("{} may use Incus", person.name));
    }
    if !person.in_group {
        let join = Step::JoinGroup { user: person.name.clone(), group: group.clone() };
        return Finding::broken("group", format!("{} is not in the group {group}", person.name), vec![join]);
    }
    if person.group_active {
        return Finding::ok("group", format!("{} is in the group {group}", person.name));
    }
    Finding::broken("group", format!("{} is in the group {group}, but not in this login yet", person.name), Vec::new())
        .fixed_by(format!("log in again, or run `newgrp {group}`"))
}

/// Every container's systemd takes about a dozen, and all containers together have what one user of the host has: where
/// they run out, the next container ends while it boots.
fn inotify(instances: u64) -> Finding {
    if instances >= MANY_INOTIFY {
        return Finding::ok("inotify", format!("{instances} inotify instances are enough for many containers"));
    }
    let raise = Step::RaiseLimit { key: "fs.inotify.max_user_instances", value: ENOUGH_INOTIFY };
    let text = format!("{instances} inotify instances are enough for {} containers only", instances / A_CONTAINERS);
    Finding { health: Health::Warning, ..Finding::broken("inotify", text, vec![raise]) }
}

/// A `sudo` that keeps `HOME` made them, and the person is locked out.
fn roots_files(found: &Found, OfRoot { first, directories }: &OfRoot) -> Finding {
    let Person { name, uid, gid, .. } = &found.person;
    let text = format!("{} belongs to root, so {name} cannot use it", GuestText::new(first));
    let (directories, ids) = (directories.clone(), Ids { uid: *uid, gid: *gid });
    Finding::broken("home", text, vec![Step::GiveBack { directories, user: name.clone(), ids }])
}

/// Something like `mount --make-rprivate /` cuts running containers off from what Incus mounts for them.
fn shared_mounts(shared: bool) -> Finding {
    if shared {
        return Finding::ok("shared-mounts", "directories can be mounted into running containers");
    }
    Finding::warning(
        "shared-mounts",
        "the mounts that Incus shares with containers are private: nothing can be mounted into a running one",
        "restart Incus (`systemctl restart incus`), then the containers that are to get a mount",
    )
}

fn daemon(found: &Found) -> Finding {
    match &found.daemon {
        Daemon::Answers { version } => Finding::ok("daemon", format!("Incus {version} answers")),
        Daemon::NoPermission => {
            Finding::broken("daemon", "the Incus socket is there, and this user may not use it", Vec::new())
                .fixed_by(format!("join the group `{}` (see above), or run as root", found.group))
        }
        Daemon::Failing { reason } => Finding::broken("daemon", format!("cannot query Incus: {reason}"), Vec::new())
            .fixed_by("run this again; if it stays so, look into /var/log/incus/incusd.log"),
        Daemon::Silent => silent(found),
    }
}

fn silent(found: &Found) -> Finding {
    if let Some(socket) = &found.named_socket {
        let fix = "start the Incus that listens there, or unset `incus.socket` and INCUS_SOCKET to use the daemon of this machine";
        return Finding::broken("daemon", format!("nothing answers at {}", GuestText::new(socket)), Vec::new())
            .fixed_by(fix);
    }
    let start = if found.systemd { Step::StartService } else { Step::StartDaemon { group: found.group.clone() } };
    let startable = found.incus != Installation::Absent || found.distro.is_supported();
    Finding::broken("daemon", "Incus does not run", if startable { vec![start] } else { Vec::new() })
}

/// The pool that containers go to, and its name.
fn pool(found: &Found, objects: &Objects) -> (Finding, Option<String>) {
    let of_profile =
        objects.profile_root.as_ref().and_then(|name| objects.pools.iter().find(|pool| pool.name == *name));
    let best =
        of_profile.or_else(|| objects.pools.iter().find(|pool| pool.is_copy_on_write())).or(objects.pools.first());
    match best {
        Some(pool) if pool.is_copy_on_write() => {
            (Finding::ok("pool", format!("storage pool '{}' ({})", pool.name, pool.driver)), Some(pool.name.clone()))
        }
        Some(pool) => {
            let text = format!("storage pool '{}' ({}) copies the image at each launch", pool.name, pool.driver);
            let fix = "make one on btrfs or zfs and give it to the default profile: about 0.3 s instead of 6 s a GiB";
            (Finding::warning("pool", text, fix), Some(pool.name.clone()))
        }
        None => {
            let (driver, gib) = if found.btrfs { ("btrfs", Some(loop_gib(found.free_bytes))) } else { ("dir", None) };
            let create = Step::CreatePool { driver, gib };
            (Finding::broken("pool", "there is no storage pool", vec![create]), Some("default".to_owned()))
        }
    }
}

/// A third of what is free, within reason: the file is sparse.
fn loop_gib(free_bytes: u64) -> u64 {
    (free_bytes / (3 << 30)).clamp(5, 64)
}

/// The bridge that containers are on, and its name.
fn bridge(found: &Found, objects: &Objects) -> (Finding, Option<String>) {
    if let Some(name) = &objects.profile_nic {
        return (Finding::ok("bridge", format!("containers are on '{name}'")), Some(name.clone()));
    }
    if let Some((name, address)) = objects.bridges.iter().find(|(name, _)| !name.starts_with("cci-")) {
        return (Finding::ok("bridge", format!("bridge '{name}' ({address})")), Some(name.clone()));
    }
    let name = (0..1000).map(|n| format!("incusbr{n}")).find(|name| !objects.network_names.contains(name));
    let (Some(name), Some(address)) = (name, subnet::free(&found.routes)) else {
        let text = "there is no bridge, and no free subnet in 10/8 for one";
        let finding = Finding::broken("bridge", text, Vec::new())
            .fixed_by("incus network create incusbr0 ipv4.address=<a free one>/24 ipv4.nat=true ipv6.address=none");
        return (finding, None);
    };
    let create = Step::CreateBridge { name: name.clone(), address };
    (Finding::broken("bridge", "there is no bridge for containers", vec![create]), Some(name))
}

fn profile(objects: &Objects, pool: Option<String>, network: Option<String>) -> Finding {
    let pool = pool.filter(|_| objects.profile_root.is_none());
    let network = network.filter(|_| objects.profile_nic.is_none());
    let lacks = match (&pool, &network) {
        (None, None) => return Finding::ok("profile", "the default profile has a root disk and a NIC"),
        (Some(_), Some(_)) => "a root disk and a NIC",
        (Some(_), None) => "a root disk",
        (None, Some(_)) => "a NIC",
    };
    Finding::broken(
        "profile",
        format!("the default profile lacks {lacks}"),
        vec![Step::CompleteProfile { pool, network }],
    )
}

fn in_the_way(firewall: Firewall, bridge: &str) -> Finding {
    match firewall {
        Firewall::Docker => Finding::warning(
            "firewall-docker",
            format!("Docker's firewall drops what containers on '{bridge}' send"),
            format!("iptables -I DOCKER-USER -i {bridge} -j ACCEPT; iptables -I DOCKER-USER -o {bridge} -j ACCEPT"),
        ),
        Firewall::Ufw => Finding::warning(
            "firewall-ufw",
            format!("ufw drops DHCP, DNS and forwarding on '{bridge}'"),
            format!("ufw allow in on {bridge}; ufw route allow in on {bridge}; ufw route allow out on {bridge}"),
        ),
        Firewall::Firewalld => Finding::warning(
            "firewall-firewalld",
            format!("firewalld drops DHCP, DNS and forwarding on '{bridge}'"),
            format!("firewall-cmd --zone=trusted --change-interface={bridge} --permanent; firewall-cmd --reload"),
        ),
    }
}

#[cfg(test)]
mod tests;
