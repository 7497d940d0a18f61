//! Users and groups as the system's name service knows them, including those of LDAP and sssd, which no file of the
//! host lists.

use std::ffi::OsStr;

use cci_core::idmap::Ids;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// User and primary group.
    pub ids: Ids,
}

impl Account {
    /// The account of a user id.
    pub fn of_uid(uid: u32) -> Option<Self> {
        uzers::get_user_by_uid(uid).map(Self::from)
    }

    /// The account of a login name.
    pub fn named(name: &str) -> Option<Self> {
        uzers::get_user_by_name(name).map(Self::from)
    }

    /// Whether a group is this account's primary group or one that it was added to.
    #[must_use]
    pub fn is_in(&self, group: u32) -> bool {
        let groups = uzers::get_user_groups(OsStr::new(&self.name), self.ids.gid).unwrap_or_default();
        groups.iter().any(|one| one.gid() == group)
    }
}

impl From<uzers::User> for Account {
    fn from(user: uzers::User) -> Self {
        let ids = Ids { uid: user.uid(), gid: user.primary_group_id() };
        Self { name: user.name().to_string_lossy().into_owned(), ids }
    }
}

/// The id of a group.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    uzers::get_group_by_name(name).map(|group| group.gid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_id_and_by_name_and_is_in_its_own_group_only() {
        let root = Account { name: "root".into(), ids: Ids { uid: 0, gid: 0 } };
        assert_eq!(Account::of_uid(0), Some(root.clone()));
        assert_eq!(Account::named("root"), Some(root.clone()));
        assert_eq!(group_id("root"), Some(0));
        assert!(root.is_in(0));
        assert!(!root.is_in(u32::MAX - 7));
    }

    #[test]
    fn nobody_has_a_name_that_no_account_can_have() {
        for name in ["", "a:b", "no\nbody", "a\0b", "root:x:0:0"] {
            assert_eq!(Account::named(name), None, "{name:?}");
            assert_eq!(group_id(name), None, "{name:?}");
        }
    }
}
