//! Examines the machine and changes nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cci_core::idmap::{SUBGID, SUBUID};
use cci_core::setup::distro::Distro;
use cci_core::setup::found::{
    ClosedHome, Daemon, Firewall, Found, Installation, Objects, OfRoot, Person, Pool, SharedMounts,
};
use cci_core::setup::subnet::routes;
use rustix::fs::Access;
use rustix::io::Errno;

use crate::blocking::blocking;
use crate::context::Context;
use crate::retry::Retry;
use cci_host::accounts::{self, Account};
use cci_host::store::give_back;
use cci_host::{mounts, system_file};

/// Programs that Incus or cci need, each with its Debian and Ubuntu package.
const PROGRAMS: [(&str, &str); 6] = [
    ("dnsmasq", "dnsmasq-base"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("nft", "nftables"),
    ("mmdebstrap", "mmdebstrap"),
    ("newuidmap", "uidmap"),
    // the daemon packs images with it
    ("zstd", "zstd"),
];

/// Where the daemon's program is on the distributions that setup knows.
const DAEMONS: [&str; 4] =
    ["/usr/libexec/incus/incusd", "/usr/lib/incus/incusd", "/usr/bin/incusd", "/opt/incus/bin/incusd"];

/// The daemon's program, if it is installed.
pub(super) fn incusd() -> Option<PathBuf> {
    DAEMONS.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Where the daemon keeps its data.
fn daemon_dir() -> PathBuf {
    std::env::var_os("INCUS_DIR").map_or_else(|| PathBuf::from("/var/lib/incus"), PathBuf::from)
}

fn installation() -> Installation {
    match (incusd(), daemon_dir().join("database").exists()) {
        (None, _) => Installation::Absent,
        (Some(_), false) => Installation::Unused,
        (Some(_), true) => Installation::Used,
    }
}

/// Everything that decides; `person` is the user who will own the containers, by default the caller.
pub async fn look(cx: &Context, person: Option<&str>) -> Found {
    let (daemon, objects) = match daemon(cx).await {
        Daemon::Answers { version } => match steady_objects(cx).await {
            Ok(objects) => (Daemon::Answers { version }, Some(objects)),
            Err(error) => (Daemon::Failing { reason: error.to_string() }, None),
        },
        other => (other, None),
    };
    let (account, person) = who(cx, person);
    let (of_root, home_in_part) = of_root(cx, account.clone()).await;
    // files of root's in it are a finding of their own
    let closed_home = if of_root.is_none() { closed_home(cx, &account) } else { None };
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let table = |path: &str| system_file::read(Path::new(path)).map_err(|error| error.to_string());
    Found {
        distro: Distro::from_os_release(&text("/etc/os-release")),
        systemd: Path::new("/run/systemd/system").is_dir(),
        incus: installation(),
        missing_packages: PROGRAMS
            .iter()
            .filter(|(program, _)| !on_path(program))
            .map(|(_, package)| *package)
            .collect(),
        daemon,
        named_socket: cx.settings.incus.socket.clone(),
        objects,
        subuid: table(SUBUID),
        subgid: table(SUBGID),
        of_root,
        home_in_part,
        closed_home,
        shared_mounts: shared_mounts(),
        person,
        group: cx.settings.incus.group.clone(),
        firewalls: firewalls().await,
        routes: routes(&text("/proc/net/route")),
        btrfs: text("/proc/filesystems").lines().any(|line| line.trim() == "btrfs") || has_module("btrfs"),
        free_bytes: free_bytes(Path::new("/var/lib")),
        inotify_instances: cx.site().changeable_inotify_instances(),
    }
}

async fn daemon(cx: &Context) -> Daemon {
    match cx.client.server().await {
        Ok(server) if server.auth == cci_incus::Auth::Trusted => {
            Daemon::Answers { version: server.environment.server_version }
        }
        Ok(_) => Daemon::NoPermission,
        Err(error) if error.is_forbidden() => Daemon::NoPermission,
        Err(error) if error.is_unreachable() => Daemon::Silent,
        Err(error) => Daemon::Failing { reason: error.to_string() },
    }
}

/// A list fails if something in it is deleted meanwhile: only the third failure counts.
async fn steady_objects(cx: &Context) -> cci_incus::Result<Objects> {
    let mut retry = Retry::up_to(3);
    loop {
        let found = objects(cx).await;
        let Err(error) = &found else { return found };
        if !retry.again("list what is there", error).await {
            return found;
        }
    }
}

async fn objects(cx: &Context) -> cci_incus::Result<Objects> {
    let (pools, networks, (profile, _)) =
        tokio::try_join!(cx.client.storage_pools(), cx.client.networks(), cx.client.profile("default"))?;
    let mut nics = profile.nics().map(|(_, nic)| nic);
    let bridges = networks.iter().filter(|network| network.managed && network.kind == "bridge");
    Ok(Objects {
        pools: pools.into_iter().map(|pool| Pool { name: pool.name, driver: pool.driver }).collect(),
        bridges: bridges
            .map(|network| (network.name.clone(), network.config.get("ipv4.address").cloned().unwrap_or_default()))
            .collect(),
        profile_root: profile.root_disk().and_then(|root| root.pool.clone()),
        profile_nic: nics.next().and_then(cci_incus::Nic::network_or_parent).map(str::to_owned),
        network_names: networks.into_iter().map(|network| network.name).collect(),
    })
}

fn shared_mounts() -> Option<SharedMounts> {
    let point = daemon_dir().join("shmounts");
    mounts::is_shared(&point).map(|are_shared| SharedMounts { point, are_shared })
}

/// What belongs to root in the user's own directories of cci. Sessions can have any number of files.
async fn of_root(cx: &Context, account: Account) -> (Option<OfRoot>, Option<(PathBuf, usize)>) {
    let uid = account.ids.uid;
    let homes = [cx.caller.home.clone(), account.home];
    let named = cx.caller.config_dir();
    let found = blocking(move || {
        let directories = directories_of(uid, &homes, named);
        let mut in_part = None;
        for dir in &directories {
            let looked = give_back::first_of_root(dir);
            if let Some(first) = looked.first {
                return Ok((Some(OfRoot { first, directories }), None));
            }
            in_part = in_part.or_else(|| looked.is_part.then(|| (dir.clone(), give_back::MOST)));
        }
        Ok((None, in_part))
    });
    cx.scope.until_cancelled(found).await.unwrap_or_default()
}

/// The person's own directories of cci: in their home, and where `XDG_CONFIG_HOME` names a directory of theirs.
fn directories_of(uid: u32, homes: &[PathBuf], named: PathBuf) -> Vec<PathBuf> {
    let is_theirs = |dir: &Path| uid != 0 && std::fs::metadata(dir).is_ok_and(|dir| dir.uid() == uid);
    let home = homes.iter().find(|home| is_theirs(home));
    let mut all: Vec<PathBuf> =
        home.into_iter().flat_map(|home| [".cci", ".config/cci"].map(|dir| home.join(dir))).collect();
    if !all.contains(&named) && named.parent().is_some_and(is_theirs) {
        all.push(named);
    }
    all
}

/// The caller's own home, or a directory of cci's in it, if they may not use it.
fn closed_home(cx: &Context, account: &Account) -> Option<ClosedHome> {
    let lacks = |path: &PathBuf, rights| rustix::fs::access(path, rights).is_err_and(|error| error == Errno::ACCESS);
    let all = |path: &PathBuf| lacks(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    let (home, cci, configured) = (cx.caller.home.clone(), cx.cci_dir(), cx.caller.config_dir());
    let below = || std::fs::read_dir(&cci).into_iter().flatten().flatten().map(|entry| entry.path());
    let store = std::iter::once(cci.clone()).chain(below().filter(|path| path.is_dir())).find(all);
    let read = |path: &PathBuf| lacks(path, Access::READ_OK);
    let config =
        [configured.clone(), configured.join("profiles"), configured.join("config.toml")].into_iter().find(read);
    let missing = || Some(home).filter(|home| !cci.exists() && (!home.exists() || all(home)));
    let closed = store.or(config).or_else(missing);
    closed.filter(|_| account.ids == cx.caller.ids).map(|path| ClosedHome { exists: path.exists(), path })
}

/// The user: the one named, else who called sudo, else for root the owner of `HOME`, else the caller.
fn who(cx: &Context, named: Option<&str>) -> (Account, Person) {
    let behind_sudo = || cx.caller.var("SUDO_USER").filter(|_| cx.caller.ids.uid == 0).map(str::to_owned);
    let name = named.map(str::to_owned).or_else(behind_sudo);
    let of_home = || {
        let owner = std::fs::metadata(&cx.caller.home).ok()?.uid();
        Account::of_uid(owner).filter(|_| cx.caller.ids.uid == 0)
    };
    let known = name.and_then(|name| Account::named(&name)).or_else(of_home);
    let known = known.or_else(|| Account::of_uid(cx.caller.ids.uid));
    let account = known.unwrap_or_else(|| Account {
        name: cx.caller.ids.uid.to_string(),
        ids: cx.caller.ids,
        home: cx.caller.home.clone(),
    });
    let group = accounts::group_id(&cx.settings.incus.group);
    let active = rustix::process::getgroups().unwrap_or_default();
    let now = rustix::process::getegid();
    let is_active = |id: u32| active.iter().chain([&now]).any(|group| group.as_raw() == id);
    let person = Person {
        in_group: group.is_some_and(|id| account.is_in(id)),
        // another user's login cannot be examined: its group counts as active if the user is in it
        group_active: account.ids.uid != cx.caller.ids.uid || group.is_some_and(is_active),
        name: account.name.clone(),
        uid: account.ids.uid,
        gid: account.ids.gid,
    };
    (account, person)
}

/// Firewalls that by default drop what a bridge forwards; only root can read Docker's rules.
async fn firewalls() -> Vec<Firewall> {
    let mut found = Vec::new();
    let ufw = std::fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    if ufw.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes")) {
        found.push(Firewall::Ufw);
    }
    if Path::new("/run/firewalld.pid").exists() {
        found.push(Firewall::Firewalld);
    }
    if Path::new("/sys/class/net/docker0").exists() && docker_drops().await {
        found.push(Firewall::Docker);
    }
    found
}

async fn docker_drops() -> bool {
    let chain = tokio::process::Command::new("nft").args(["list", "chain", "ip", "filter", "FORWARD"]).output().await;
    chain.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("policy drop"))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/bin"]);
    dirs.filter(|dir| !dir.is_empty()).any(|dir| Path::new(dir).join(program).exists())
}

fn has_module(name: &str) -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let index = std::fs::read_to_string(format!("/lib/modules/{release}/modules.dep")).unwrap_or_default();
    index.lines().any(|line| line.split(':').next().is_some_and(|path| path.contains(&format!("/{name}.ko"))))
}

fn free_bytes(dir: &Path) -> u64 {
    rustix::fs::statvfs(dir).map_or(0, |stat| stat.f_bavail * stat.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_that_is_looked_at_is_the_one_in_use() {
        let home = tempfile::tempdir().unwrap();
        let uid = home.path().metadata().unwrap().uid();
        // root has no files to be given back
        let (uid, homes) = if uid == 0 { of_somebody(home.path()) } else { (uid, [home.path().to_owned()]) };
        let at = |path: &str| home.path().join(path);
        let default = [at(".cci"), at(".config/cci")];
        assert_eq!(directories_of(uid, &homes, at(".config/cci")), default);
        std::fs::create_dir(at("conf")).unwrap();
        std::os::unix::fs::chown(at("conf"), Some(uid), None).unwrap();
        assert_eq!(directories_of(uid, &homes, at("conf/cci")), [&default[..], &[at("conf/cci")]].concat());
        assert_eq!(directories_of(uid, &homes, "/etc/cci".into()), default, "it is not theirs");
        assert!(directories_of(0, &homes, at("conf/cci")).is_empty());
    }

    fn of_somebody(home: &Path) -> (u32, [PathBuf; 1]) {
        std::os::unix::fs::chown(home, Some(7_000_007), None).unwrap();
        (7_000_007, [home.to_owned()])
    }
}
