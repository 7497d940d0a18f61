//! The fuzz targets: functions that take any bytes and check the laws of the type that accepts them.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a target that panics is a finding")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cci_core::host_disk::HostPath;
use cci_core::idmap::Ids;
use cci_core::metadata::Metadata;
use cci_core::mount;
use cci_core::name::{ContainerName, Prefix};
use cci_core::network::{DnsAnswer, DnsQuery, Entry, Family, HostName, Names, Policy};
use cci_core::pin::{Birth, Identity};
use cci_core::workspace::Workspace;

pub use cci_agent::fuzz::credentials;
pub use cci_git::fuzz::git;
pub use cci_incus::fuzz::{event, frames, reply, sftp};

use cci_proxy::egress::{HelloReader, Kind, Request};

use cci_host::caller::Caller;
use cci_host::settings::{Overrides, Stack, Trust};
use cci_host::store::meter::Meter;
use cci_host::store::unpack::Unpack;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const ALL: [(&str, Target); 15] = [
    ("reply", reply),
    ("event", event),
    ("frames", frames),
    ("sftp", sftp),
    ("archive", archive),
    ("metadata", metadata),
    ("config", config),
    ("name", name),
    ("mount", mount),
    ("network", network),
    ("credentials", credentials),
    ("hello", hello),
    ("head", head),
    ("answer", answer),
    ("git", git),
];

/// A session's metadata: what was read is written and read back the same.
pub fn metadata(bytes: &[u8]) {
    if let Ok(read) = Metadata::parse(bytes) {
        let again = Metadata::parse(read.to_json().as_bytes());
        assert_eq!(again.ok().as_ref(), Some(&read), "metadata is not read back as it was written");
        let _ = read.further();
    }
}

/// A project's configuration file, and the check of what it loosens.
pub fn config(bytes: &[u8]) {
    thread_local! {
        static WORLD: tempfile::TempDir = tempfile::tempdir().unwrap();
    }
    WORLD.with(|world| {
        std::fs::write(world.path().join(".cci.toml"), bytes).unwrap();
        let caller =
            Caller { current_dir: world.path().to_owned(), ..Caller::for_test(world.path().join("home"), &[]) };
        let workspace = Workspace::at(world.path());
        for trust in [Trust::Judged, Trust::Unjudged] {
            let stack = Stack::read(&caller, &workspace, None, &Overrides::default(), trust);
            let _ = stack.and_then(|stack| stack.settings());
        }
    });
}

/// What a container sends for `file pull`: nothing of it is written outside the directory that it goes to.
pub fn archive(bytes: &[u8]) {
    let world = tempfile::tempdir().unwrap();
    let target = world.path().join("target");
    std::fs::create_dir(&target).unwrap();
    for single in [false, true] {
        let dir = std::fs::File::open(&target).unwrap().into();
        let unpack = Unpack::new(dir, OsStr::new("got"), single, 1000, Arc::new(Meter::default()));
        let _ = unpack.run(bytes);
    }
    assert_eq!(names(world.path()), ["target"]);
    assert!(names(&target).iter().all(|name| name == "got"), "{:?}", names(&target));
}

fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// A container's name: what parses is what we print.
pub fn name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (prefix, rest) = text.split_once('\n').unwrap_or(("cci-", &text));
    if let Ok(prefix) = Prefix::parse(prefix)
        && let Ok(name) = ContainerName::parse(&prefix, rest)
    {
        assert_eq!(name.to_string(), rest);
    }
}

/// A mount: its text, the path in the container, and its place among others.
pub fn mount(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut mounts = Vec::new();
    let identity = Identity { device: 1, inode: 2, born: Birth::default() };
    let owner = Ids { uid: 1000, gid: 1000 };
    for (n, line) in text.lines().enumerate() {
        let _ = mount::Typed::parse(line);
        if let Ok(container) = mount::container_path(line) {
            assert!(container.starts_with('/') && !container.contains("/../"), "{container}");
            let Ok(source) = HostPath::new(Path::new(line), identity, owner) else { continue };
            mounts.push(mount::Mount { device: format!("mount-{n}"), source, container, readonly: false });
        }
    }
    let _ = mount::check_places(&mounts, &PathBuf::from("/workspace"), "/home/code/.agent");
}

/// An allowed domain, the names that a list of them lets through, and a policy as it is written on an ACL.
pub fn network(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut entries = Vec::new();
    for line in text.lines() {
        if let Ok(entry) = line.parse::<Entry>() {
            assert_eq!(entry.to_string().parse().as_ref(), Ok(&entry), "an entry is not read back as it was written");
            entries.push(entry);
        }
    }
    let names = Names::listed(entries);
    for name in text.lines().filter_map(|line| HostName::typed(line).ok()) {
        assert!(names.judge(&name, 443).is_err() || names.knows(&name), "{name}");
    }
    if let Some(policy) = Policy::from_canonical(&text) {
        let again = Policy::from_canonical(&policy.canonical());
        assert_eq!(again.as_ref(), Some(&policy), "a policy is not read back as it was written");
    }
}

/// The first message of a client of TLS, at once and in single bytes: both see the same name.
pub fn hello(bytes: &[u8]) {
    let at_once = HelloReader::default().push(bytes);
    let mut reader = HelloReader::default();
    let by_byte = bytes.iter().find_map(|byte| reader.push(&[*byte]).transpose());
    if let (Ok(Some(at_once)), Some(Ok(by_byte))) = (at_once, by_byte) {
        assert_eq!(at_once, by_byte, "a hello has two names");
    }
}

/// The head of a request: what is passed on is read as a request for the same host, and passed on as it is.
pub fn head(bytes: &[u8]) {
    let Ok(request) = Request::read(bytes) else { return };
    if request.kind != Kind::Tunnel {
        let again = Request::read(request.passed_on()).unwrap();
        assert_eq!((&again.name, again.kind), (&request.name, request.kind), "a request has two hosts");
        assert_eq!(again.passed_on(), request.passed_on());
    }
}

/// What a name server answers, as it came and behind the right question: every address is one of a record that is there,
/// and an answer to one question is none to another.
pub fn answer(bytes: &[u8]) {
    /// The fewest bytes of a record with an address.
    const RECORD: usize = 15;
    let name = HostName::typed("a.example").unwrap();
    let [four, six] = [Family::Four, Family::Six].map(|family| DnsQuery::new([7, 9], &name, family));
    let behind = |query: &DnsQuery| {
        let (flags, rest) = bytes.split_at_checked(4)?;
        let counts = [0, 1, flags[2], flags[3], 0, 0, 0, 0];
        Some([&[7, 9, flags[0] | 0x80, flags[1]], &counts[..], &query.bytes()[12..], rest].concat())
    };
    for (query, other) in [(&four, &six), (&six, &four)] {
        for message in [Some(bytes.to_vec()), behind(query)].into_iter().flatten() {
            let Some(read) = query.read(&message) else { continue };
            if let DnsAnswer::Addresses(addresses) = read {
                assert!(addresses.len() * RECORD <= message.len(), "addresses from nowhere");
            }
            assert_eq!(other.read(&message), None, "an answer to two questions");
        }
    }
}
