//! Configuration files and profiles of a made-up home.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::configuration::profile;
use crate::testing::write;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn configured(&self) -> Configured {
        let caller = Caller::for_test(self.0.path().join("home"), &[]);
        let workspace = Workspace::at(self.0.path().join("proj"));
        Configured { caller, workspace, extra: None, overrides: Overrides::default() }
    }
}

#[test]
fn the_first_file_is_private_and_valid() {
    let home = Home::new();
    let path = home.configured().init(false, false).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    home.configured().read(Trust::Judged).unwrap().settings().unwrap();
}

#[test]
fn an_existing_file_is_replaced_by_force_only() {
    let home = Home::new();
    let path = home.configured().places().user;
    write(&path, "defaults.image = \"own\"\n");
    let error = home.configured().init(false, false).unwrap_err();
    assert!(matches!(&error, Error::Config { problem, .. } if problem.contains("already exists")), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "defaults.image = \"own\"\n");
    home.configured().init(false, true).unwrap();
    assert_ne!(fs::read_to_string(&path).unwrap(), "defaults.image = \"own\"\n");
}

#[test]
fn a_new_profile_inherits_from_another_and_can_be_chosen() {
    let home = Home::new();
    write(&home.configured().places().user, "profiles.base.limits.cpu = \"3\"\n");
    profile::create(&home.configured(), "mine", "base", false).unwrap();
    let stack = home.configured().read(Trust::Judged).unwrap();
    assert_eq!(stack.with_profile("mine").settings().unwrap().limits.cpu.as_deref(), Some("3"));
    let listed = profile::all(&home.configured()).unwrap();
    let mine = listed.iter().find(|one| one.name == "mine").unwrap();
    assert_eq!(mine.inherits.as_deref(), Some("base"));
}

#[test]
fn an_invalid_profile_is_not_written() {
    let home = Home::new();
    write(&home.configured().places().user, "profiles.base.limits.cpu = \"3\"\n");
    let create = |name: &str, inherits: &str| profile::create(&home.configured(), name, inherits, false);
    assert!(create("../outside", "base").is_err(), "a name that is a path");
    assert!(create("mine", "missing").is_err(), "an unknown parent");
    assert!(create("base", "base").is_err(), "its own parent");
    let profiles = home.configured().places().user.with_file_name("profiles");
    assert!(!profiles.exists());
}

#[test]
fn an_existing_profile_is_replaced_by_force_only() {
    let home = Home::new();
    write(&home.configured().places().user, "profiles.base.limits.cpu = \"3\"\n");
    let path = profile::create(&home.configured(), "mine", "base", false).unwrap();
    write(&path, "description = \"own\"\n");
    profile::create(&home.configured(), "mine", "base", false).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "description = \"own\"\n");
    profile::create(&home.configured(), "mine", "base", true).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("inherits = \"base\""));
}

#[test]
fn a_project_without_a_file_has_nothing_to_approve() {
    let error = Home::new().configured().project().unwrap_err();
    assert!(matches!(&error, Error::Config { problem, .. } if problem.starts_with("there is no ")), "{error:?}");
}

#[test]
fn profiles_that_inherit_in_a_circle_are_refused() {
    let home = Home::new();
    write(&home.configured().places().user, "profiles.a.inherits = \"b\"\nprofiles.b.inherits = \"a\"\n");
    let stack = home.configured().read(Trust::Judged).unwrap();
    assert!(Configured::check_profiles(&stack).is_err());
}
