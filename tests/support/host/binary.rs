//! Which program and which image are under test, and where tests keep their files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The image that live tests launch: the standard one.
pub fn image() -> String {
    std::env::var("CCI_TEST_IMAGE").unwrap_or_else(|_| "cci".to_owned())
}

/// Where tests keep their files: `tests/run` names a directory that it removes, also when a test was killed.
pub fn files() -> PathBuf {
    std::env::var_os("CCI_TEST_DIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}

/// Where the binary under test is, readable for every user: the one that `tests/run` put there, else the one cargo built.
pub fn binary_dir() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let given = files().join("bin");
        if given.join("cci").exists() { given } else { staged(&built_dir().join("cci")) }
    })
    .clone()
}

/// Where cargo has built it: `target/PROFILE`, with the tests in a directory below.
pub fn built_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// A copy outside of `/root` and of directories that only one user can enter.
fn staged(built: &Path) -> PathBuf {
    let stamp = std::fs::metadata(built).unwrap().modified().unwrap();
    let stamp = stamp.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let dir = PathBuf::from(format!("/var/tmp/cci-test-bin-{stamp:x}"));
    if !dir.join("cci").exists() {
        let staged = PathBuf::from(format!("/var/tmp/cci-test-bin-{stamp:x}.{}", std::process::id()));
        std::fs::create_dir_all(&staged).unwrap();
        std::fs::copy(built, staged.join("cci")).unwrap();
        std::fs::set_permissions(&staged, PermissionsExt::from_mode(0o755)).unwrap();
        // another test process may have put the same bytes there first
        if std::fs::rename(&staged, &dir).is_err() {
            std::fs::remove_dir_all(&staged).unwrap();
        }
    }
    dir
}
