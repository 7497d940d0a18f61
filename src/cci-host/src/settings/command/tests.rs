//! What a command may name, and what is pinned with it.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

struct World {
    dir: tempfile::TempDir,
    caller: Caller,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for path in ["home/bin", "home/proj/sub"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let home = dir.path().join("home");
        for file in ["home/proj/evil.sh", "home/proj/sub/evil.sh", "home/bin/own", "home/secret"] {
            fs::write(dir.path().join(file), "content").unwrap();
        }
        symlink(home.join("proj/evil.sh"), home.join("bin/link")).unwrap();
        let path = format!("{0}/proj/sub:{0}/bin:/usr/bin:/bin:.", home.display());
        let caller = Caller::for_test(
            home,
            &[("PATH", &path), ("X", "sub"), ("HOME", dir.path().join("home").to_str().unwrap())],
        );
        Self { dir, caller }
    }

    fn pinned(&self, line: &str) -> (Vec<(PathBuf, Vec<u8>)>, Vec<Problem>) {
        let command = Command { line: line.into(), key: "defaults.environment.T".into(), origin: None };
        pinned(&[command], Path::new("/p/.cci.toml"), &self.caller, &self.dir.path().join("home/proj"))
    }
}

#[test]
fn nothing_of_the_workspace_may_be_named_however_it_is_written() {
    let world = World::new();
    let dir = world.dir.path().display();
    for line in [
        "sh ./evil.sh".to_owned(),
        "sh evil.sh".into(),
        "./sub/evil.sh".into(),
        "cat x | sh sub/../evil.sh".into(),
        "~/proj/evil.sh".into(),
        "proj/evil.sh".into(),
        "\"$HOME\"/proj/evil.sh".into(),
        "${NONE:-~/proj}/evil.sh".into(),
        "$X/evil.sh".into(),
        "sh -c 'cd /; exec ~/proj/evil.sh'".into(),
        "printf %s \"$(./evil.sh)\"".into(),
        "printf %s `./evil.sh`".into(),
        "~/bin/link".into(),
        "link".into(),
        "cd ~/proj && ./x".into(),
        format!("{dir}/home/proj/evil.sh"),
        format!("{dir}/home/./proj//evil.sh"),
        format!("env -C{dir}/home/proj sh x"),
        format!("git --git-dir={dir}/home/proj x"),
        format!("PATH={dir}/home/proj/sub:$PATH evil.sh"),
        "~/p*/evil.sh".into(),
        "*/evil.sh".into(),
        "~/{proj,x}/evil.sh".into(),
        "~other/proj/evil.sh".into(),
        "/proc/self/cwd/x".into(),
        "~/proj/e''vil.sh".into(),
        "~/proj/e\\vil.sh".into(),
    ] {
        let (_, problems) = world.pinned(&line);
        assert!(!problems.is_empty(), "{line} is not refused");
        assert!(problems[0].to_string().contains("defaults.environment.T: its command names '"), "{}", problems[0]);
    }
}

#[test]
fn what_is_elsewhere_may_be_named() {
    let world = World::new();
    for line in [
        "pass show work/token | head -n 1",
        "cat ~/secret",
        "own --flag",
        "printf 's3 cret'",
        "awk '{print $1}' /etc/hostname",
    ] {
        let (_, problems) = world.pinned(line);
        assert!(problems.is_empty(), "{line}: {}", problems[0]);
    }
}

#[test]
fn the_search_path_leads_into_no_workspace() {
    let world = World::new();
    let around = Surroundings::new(&world.caller, &world.dir.path().join("home/proj"));
    let home = world.dir.path().join("home");
    assert_eq!(around.path, [home.join("bin"), "/usr/bin".into(), "/bin".into()]);
    assert_eq!(around.directory, home);
}

#[test]
fn a_file_that_is_not_roots_is_pinned_by_its_content() {
    // where root runs this, all files are root's and nothing is pinned
    let is_root = rustix::process::geteuid().is_root();
    let world = World::new();
    let (before, _) = world.pinned("own; cat ~/secret");
    assert_eq!(before.len(), if is_root { 0 } else { 2 }, "{before:?}");
    fs::write(world.dir.path().join("home/bin/own"), "changed").unwrap();
    let (after, _) = world.pinned("own; cat ~/secret");
    assert_eq!(before != after, !is_root);
}
