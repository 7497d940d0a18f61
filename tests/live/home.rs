//! Root creates no files in another user's home; if some are there, the error and `doctor` say how to get rid of them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use crate::support::host::{Host, ROOT, U1234};

/// Root with another user's `HOME`, as under a `sudo` that keeps it.
fn with_anothers_home() -> Host {
    let host = Host::live(ROOT);
    chown(&host.home, Some(1234), Some(U1234.gid())).unwrap();
    host
}

#[test]
fn root_makes_nothing_in_another_users_home() {
    let (host, name) = (with_anothers_home(), U1234.name());
    for args in [&["shell", "--background"][..], &["run", "--", "true"], &["list"], &["config", "init"]] {
        let out = host.cci(args);
        assert_eq!(out.code, 2, "{args:?}: {out}");
        let said = format!("error: cci runs as root, but HOME is {}, which belongs to {name}\n", host.home.display());
        assert!(out.stderr.starts_with(&said), "{args:?}: {out}");
        assert!(out.stderr.contains(&format!("hint: run it as {name}, without `sudo`")), "{args:?}: {out}");
        assert_eq!(fs::read_dir(&host.home).unwrap().count(), 0, "{args:?}");
    }
    for args in [&["config", "path"][..], &["version"], &["setup", "--dry-run"]] {
        host.cci(args).ok();
    }
    assert_eq!(fs::read_dir(&host.home).unwrap().count(), 0);
}

#[test]
fn root_makes_nothing_below_another_users_home_either() {
    let (host, name) = (with_anothers_home(), U1234.name());
    let mut deeper = Host::live(ROOT);
    deeper.home = host.home.join("not/there");
    let out = deeper.cci(&["list"]);
    assert!(out.code == 2 && out.stderr.contains(&format!("which belongs to {name}\n")), "{out}");
    let config = host.home.join(".config");
    let root = Host::live(ROOT);
    let out = root.cci_with(&["config", "init"], &[("XDG_CONFIG_HOME", config.to_str().unwrap())], b"");
    let said = format!("error: cci runs as root, but XDG_CONFIG_HOME is {}, which belongs to {name}", config.display());
    assert!(out.code == 2 && out.stderr.contains(&said), "{out}");
    assert!(out.stderr.contains("or unset XDG_CONFIG_HOME"), "{out}");
    assert_eq!(fs::read_dir(&host.home).unwrap().count(), 0);
}

#[test]
fn a_store_that_root_has_taken_is_told_and_given_back() {
    let (host, name) = (Host::live(U1234), U1234.name());
    let cci = host.home.join(".cci");
    for dir in ["sessions-claude/x", "unfinished", "network"] {
        fs::create_dir_all(cci.join(dir)).unwrap();
    }
    fs::write(cci.join("sessions-claude/x/metadata.json"), "{}").unwrap();
    fs::set_permissions(&cci, PermissionsExt::from_mode(0o700)).unwrap();
    let outside = host.dir("outside").join("of-root");
    fs::write(&outside, "").unwrap();
    symlink(&outside, cci.join("link")).unwrap();
    fs::hard_link(&outside, cci.join("linked")).unwrap();
    for args in [&["info"][..], &["run", "--", "true"]] {
        let out = host.cci(args);
        assert!(out.stderr.contains("ermission denied"), "{args:?}: {out}");
        assert!(out.stderr.contains("hint: `cci doctor` checks whether it belongs to root"), "{args:?}: {out}");
    }
    let out = host.cci(&["doctor"]);
    let found =
        format!("broken  {} belongs to root, so {name} cannot use it\n           fix: cci setup\n", cci.display());
    assert!(out.code == 2 && out.stdout.contains(&found), "{out}");
    // as `sudo cci setup` where it keeps HOME
    let mut root = Host::live(ROOT);
    root.home.clone_from(&host.home);
    let out = root.cci(&["setup", "--yes"]).ok();
    assert!(out.stderr.contains(&format!("run chown -R --from=root {name} {}", cci.display())), "{out}");
    let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
    for path in ["", "sessions-claude/x", "sessions-claude/x/metadata.json", "unfinished", "link"] {
        assert_eq!(owner(&cci.join(path)), 1234, "{path}");
    }
    assert_eq!(owner(&outside), 0, "neither a link nor a second name leads out");
    fs::remove_file(cci.join("linked")).unwrap();
    let out = host.cci(&["doctor"]);
    assert!(!out.stdout.contains("belongs to root"), "{out}");
}

#[test]
fn configuration_that_is_closed_to_its_user_is_never_passed_over() {
    let host = Host::live(U1234);
    let dir = host.home.join(".config/cci");
    fs::create_dir_all(dir.join("profiles")).unwrap();
    fs::write(dir.join("config.toml"), "[network]\nmode = \"allowlist\"\n").unwrap();
    for closed in [dir.join("config.toml"), dir.join("profiles"), dir.clone()] {
        fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
        chown(&closed, Some(0), Some(0)).unwrap();
        let out = host.cci(&["run", "--", "true"]);
        assert!(out.code == 2 && out.stderr.contains(": this user cannot read it\nhint: see its owner"), "{out}");
        let out = host.cci(&["doctor"]);
        assert!(out.stdout.contains(" belongs to root, so "), "{out}");
    }
    for given in [dir.clone(), dir.join("config.toml"), dir.join("profiles")] {
        chown(given, Some(1234), None).unwrap();
    }
    host.cci(&["config", "check"]).ok();
    fs::set_permissions(&dir, PermissionsExt::from_mode(0o300)).unwrap();
    let out = host.cci(&["doctor"]);
    assert!(out.stdout.contains(&format!("broken  {}, where cci keeps what it has of you", dir.display())), "{out}");
}

#[test]
fn doctor_sees_a_home_or_store_in_which_nothing_can_be_made() {
    let host = Host::live(U1234);
    let cci = host.home.join(".cci");
    fs::create_dir_all(cci.join("network")).unwrap();
    chown(&cci, Some(1234), None).unwrap();
    chown(cci.join("network"), Some(1234), None).unwrap();
    fs::set_permissions(cci.join("network"), PermissionsExt::from_mode(0o500)).unwrap();
    let out = host.cci(&["run", "--", "true"]);
    assert!(out.stderr.contains("hint: `cci doctor` checks"), "{out}");
    let out = host.cci(&["doctor"]);
    let found =
        format!("broken  {}, where cci keeps what it has of you, is closed to you\n", cci.join("network").display());
    assert!(out.code == 2 && out.stdout.contains(&found), "{out}");
    let out = host.cci_with(&["doctor"], &[("HOME", "/nonexistent")], b"");
    assert!(out.code == 2 && out.stdout.contains("broken  the home directory /nonexistent does not exist\n"), "{out}");
}
