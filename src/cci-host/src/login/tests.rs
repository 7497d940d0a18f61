use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cci_agent::Credentials;
use serde_json::json;

use super::*;

struct World {
    _dir: tempfile::TempDir,
    file: LoginFile,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let login = cci_agent::default_agent().login().unwrap();
        let directory = dir.path().join("agent");
        fs::create_dir(&directory).unwrap();
        Self { file: LoginFile::at(directory, login), _dir: dir }
    }

    fn put(&self, access: &str, refresh: &str) {
        let key = format!("{}AiOauth", cci_agent::default_agent().name());
        let expires = 4_000_000_000_000_u64;
        let text = json!({ key: { "accessToken": access, "refreshToken": refresh, "expiresAt": expires } });
        fs::write(self.file.path(), text.to_string()).unwrap();
    }

    fn first(&self) -> PathBuf {
        self.file.directory().join(self.file.login().locks().first)
    }

    fn second(&self) -> PathBuf {
        self.file.directory().with_extension("lock")
    }

    fn age(path: &Path, seconds: u64) {
        let then = SystemTime::now() - Duration::from_secs(seconds);
        File::open(path).unwrap().set_modified(then).unwrap();
    }
}

#[test]
fn both_locks_are_taken_and_given_back() {
    let world = World::new();
    let lock = world.file.try_lock().unwrap().unwrap();
    assert!(world.first().is_dir() && world.second().is_dir() && lock.show());
    assert!(world.file.try_lock().unwrap().is_none(), "it is held");
    drop(lock);
    assert!(!world.first().exists() && !world.second().exists());
    assert_eq!(fs::read_dir(world.file.directory()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_holder_of_either_lock_is_waited_for_and_a_dead_one_is_not() {
    for second in [false, true] {
        let world = World::new();
        let held = if second { world.second() } else { world.first() };
        fs::create_dir(&held).unwrap();
        World::age(&held, 50);
        assert!(world.file.try_lock().unwrap().is_none());
        assert_eq!(world.first().exists(), !second, "what was taken is given back");
        World::age(&held, 70);
        assert!(world.file.try_lock().unwrap().is_some(), "nobody has shown it for a minute");
    }
}

#[test]
fn a_lock_that_somebody_else_has_taken_over_is_left_to_them() {
    let world = World::new();
    let lock = world.file.try_lock().unwrap().unwrap();
    // while the first one is there, so that it has an inode of its own
    let other = world.first().with_extension("other");
    fs::create_dir(&other).unwrap();
    fs::rename(&other, world.first()).unwrap();
    assert!(!lock.show());
    drop(lock);
    assert!(world.first().exists(), "theirs");
}

#[test]
fn no_lock_is_left_behind_where_the_other_cannot_be_made() {
    let world = World::new();
    // with the end of the second lock it is longer than any name
    let directory = world.file.directory().join("d".repeat(253));
    fs::create_dir(&directory).unwrap();
    let file = LoginFile::at(directory.clone(), world.file.login());
    file.try_lock().unwrap_err();
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn a_login_is_replaced_only_if_it_is_still_the_one_that_was_renewed() {
    let world = World::new();
    world.put("a", "r");
    let Found::Login(held) = world.file.read() else { panic!("a login") };
    let ready = world.file.prepare().unwrap();
    // the agent keeps more in the file
    let mut more = held.content.clone();
    more["others"] = json!({ "token": "of a server" });
    fs::write(world.file.path(), more.to_string()).unwrap();
    assert_eq!(world.file.replace(ready, &held, |there| Some(there.clone())).unwrap(), Some(more.clone()));
    let Found::Login(there) = world.file.read() else { panic!("a login") };
    assert_eq!(there.content, more);
    assert_eq!(fs::metadata(world.file.path()).unwrap().permissions().mode() & 0o777, 0o600);
    world.put("b", "s");
    let ready = world.file.prepare().unwrap();
    assert_eq!(world.file.replace(ready, &held, |_| Some(held.content.clone())).unwrap(), None);
    let Found::Login(there) = world.file.read() else { panic!("a login") };
    assert_eq!(there.credentials.access, "b");
    assert_eq!(fs::read_dir(world.file.directory()).unwrap().count(), 1, "nothing is left");
}

#[test]
fn a_login_that_the_agent_blanked_while_it_was_renewed_is_there_again_and_no_other() {
    let world = World::new();
    world.put("a", "r");
    let Found::Login(held) = world.file.read() else { panic!("a login") };
    let ready = world.file.prepare().unwrap();
    let blank = fs::read_to_string(world.file.path()).unwrap();
    let blank = blank.replace("\"a\"", "\"\"").replace("\"r\"", "\"\"").replace("4000000000000", "0");
    fs::write(world.file.path(), &blank).unwrap();
    assert_eq!(world.file.replace(ready, &held, |there| Some(there.clone())).unwrap(), Some(held.content.clone()));
    // somebody else's that has ended stays as it is
    let other = blank.replace("\"accessToken\"", "\"accountUuid\":\"u\",\"accessToken\"");
    fs::write(world.file.path(), &other).unwrap();
    let ready = world.file.prepare().unwrap();
    assert_eq!(world.file.replace(ready, &held, |there| Some(there.clone())).unwrap(), None);
    assert_eq!(fs::read_to_string(world.file.path()).unwrap(), other);
}

#[test]
fn what_is_no_login_is_not_taken_for_one() {
    let world = World::new();
    assert!(matches!(world.file.read(), Found::Absent));
    for torn in ["", "{", "{}", "[]", "{\"token\": 1}"] {
        fs::write(world.file.path(), torn).unwrap();
        assert!(matches!(world.file.read(), Found::Other(_)), "{torn}");
    }
    world.put("", "");
    assert!(matches!(world.file.read(), Found::Ended(_)));
    world.put("a", "r");
    let real = world.file.directory().join("real");
    fs::rename(world.file.path(), &real).unwrap();
    symlink(&real, world.file.path()).unwrap();
    assert!(matches!(world.file.read(), Found::Other(_)), "a link");
}

#[test]
fn a_token_is_renewed_well_before_its_end() {
    let held = |written: u64, expires: u64| {
        let credentials =
            Credentials { access: "a".into(), refresh: "r".into(), expires: Some(expires), ..Credentials::default() };
        Held { content: json!({}), credentials, written }.due().unwrap()
    };
    let hour = 3_600_000;
    assert_eq!(held(0, 8 * hour), 8 * hour - 300_000);
    assert_eq!(held(1_000, 5_000), 4_000, "one that lives for seconds");
    assert_eq!(held(9_000, 5_000), 5_000);
}
