//! A workspace with a store beside it, and a walker that tells what is in a directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cci_git::{Capture, Captured, Restore, Restored, Snapshot, Store};
use rustix::process::geteuid;
use tempfile::TempDir;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) mode: u32,
    pub(crate) mtime: (i64, i64),
    pub(crate) content: Vec<u8>,
}

/// Everything in a directory, the directory itself included, by path.
pub(crate) fn look(root: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let full = root.join(&path);
        let meta = fs::symlink_metadata(&full).unwrap();
        let content = if meta.is_dir() {
            waiting.extend(fs::read_dir(&full).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
            Vec::new()
        } else if meta.is_symlink() {
            fs::read_link(&full).unwrap().as_os_str().as_bytes().to_vec()
        } else if meta.is_file() && meta.len() < 100 << 20 {
            fs::read(&full).unwrap()
        } else {
            Vec::new()
        };
        seen.insert(path, Seen { mode: meta.mode(), mtime: (meta.mtime(), meta.mtime_nsec()), content });
    }
    seen
}

/// Two looks must have seen the same; says only what differs.
pub(crate) fn same(is: &BTreeMap<PathBuf, Seen>, was: &BTreeMap<PathBuf, Seen>) {
    let differ = |path: &&PathBuf| is.get(*path) != was.get(*path);
    let text = |seen: Option<&Seen>| {
        seen.map(|seen| (seen.mode, seen.mtime, String::from_utf8_lossy(&seen.content).into_owned()))
    };
    let told: Vec<_> = is
        .keys()
        .chain(was.keys())
        .filter(differ)
        .map(|path| (path, text(was.get(path)), text(is.get(path))))
        .collect();
    assert!(told.is_empty(), "path, was, is: {told:#?}");
}

/// A workspace and a store.
pub(crate) struct Bed {
    pub(crate) base: TempDir,
    pub(crate) root: PathBuf,
    pub(crate) store: Store,
    pub(crate) ignore: Vec<String>,
    pub(crate) max_file: u64,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::at_base(tempfile::tempdir().unwrap())
    }

    /// For what would keep a disk busy.
    pub(crate) fn in_memory() -> Self {
        Self::at_base(tempfile::tempdir_in("/dev/shm").unwrap())
    }

    fn at_base(base: TempDir) -> Self {
        let root = base.path().join("workspace");
        fs::create_dir(&root).unwrap();
        let store = Store::open(&base.path().join("store.git")).unwrap();
        Self { base, root, store, ignore: Vec::new(), max_file: 64 << 20 }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.base.path().join("cache")
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Writes a file; directories above are made.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn directory(&self, path: &str) {
        fs::create_dir_all(self.at(path)).unwrap();
    }

    pub(crate) fn link(&self, target: &str, path: &str) {
        symlink(target, self.at(path)).unwrap();
    }

    pub(crate) fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn mtime(&self, path: &str, sec: u64, nsec: u32) {
        let time = SystemTime::UNIX_EPOCH + Duration::new(sec, nsec);
        File::open(self.at(path)).unwrap().set_modified(time).unwrap();
    }

    pub(crate) fn capture(&self) -> Captured {
        let top = File::open(&self.root).unwrap();
        let cache = self.cache();
        let how = Capture { ignore: &self.ignore, max_file: self.max_file, cache: Some(&cache) };
        let captured = self.store.capture(&top, &how).unwrap();
        let slow = Capture { cache: None, ..how };
        assert_eq!(self.store.capture(&top, &slow).unwrap(), captured, "the cache makes no difference");
        captured
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.capture().snapshot
    }

    pub(crate) fn restore(&self, to: &Snapshot) -> Restored {
        let top = File::open(&self.root).unwrap();
        let cache = self.cache();
        let how = Restore {
            ignore: &self.ignore,
            max_file: self.max_file,
            cache: Some(&cache),
            except: &[],
            reflog: "rewind to 0123456789",
        };
        self.store.restore(&top, to, &how).unwrap()
    }

    /// Restores, and everything must be back.
    pub(crate) fn restore_all(&self, to: &Snapshot) -> Restored {
        let restored = self.restore(to);
        assert_eq!((restored.kept.len(), restored.failed.len()), (0, 0), "{restored:?}");
        restored
    }
}

/// Runs another test of this binary, which is ignored otherwise, as a process of its own.
pub(crate) fn again(wrapper: &[&str], test: &str, place: &Path) -> std::process::Command {
    let exe = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([exe.as_os_str()]);
    let mut command = std::process::Command::new(words.next().unwrap());
    command
        .args(words)
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env("CCI_GIT_TEST", place);
    command
}

/// Where such a process works.
pub(crate) fn place() -> PathBuf {
    std::env::var_os("CCI_GIT_TEST").unwrap().into()
}

/// Runs it to its end, which must be a good one.
pub(crate) fn run_again(wrapper: &[&str], test: &str, place: &Path) {
    let ended = again(wrapper, test, place).output().unwrap_or_else(|error| panic!("cannot run {wrapper:?}: {error}"));
    let told = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && told.contains("1 passed"), "{told}");
}

/// What lets root do without permissions.
const WITHOUT: [&str; 3] = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search,-fowner",
    "--inh-caps=-dac_override,-dac_read_search,-fowner",
];

/// As an ordinary user, who owns what the test makes.
pub(crate) fn as_owner(test: &str, place: &Path) {
    run_again(if geteuid().is_root() { &WITHOUT } else { &["env"] }, test, place);
}
