//! Finds out what gives the caller write access to a directory.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cci_core::access::WriteAccess;
use rustix::fs::Access;

use crate::accounts;
use crate::caller::Caller;

/// The access control list of a file, as an extended attribute.
const LIST: &str = "system.posix_acl_access";

/// What allows this caller to write in a directory and enter it.
#[must_use]
pub fn of(caller: &Caller, path: &Path) -> WriteAccess {
    if rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return WriteAccess::None;
    }
    let Ok(meta) = path.metadata() else { return WriteAccess::None };
    let may = |shift: u32| (meta.mode() >> shift) & 0o3 == 0o3;
    let list = rustix::fs::getxattr(path, LIST, &mut [0_u8; 0]).is_ok();
    // with a list, the group bits of the mode are its mask
    let own = meta.uid() == caller.ids.uid && may(6) || meta.gid() == caller.ids.gid && may(3) && !list || may(0);
    let supplementary =
        || rustix::process::getgroups().unwrap_or_default().iter().any(|group| group.as_raw() == meta.gid());
    if own {
        WriteAccess::Own
    } else if list {
        WriteAccess::GroupList
    } else if may(3) && supplementary() {
        WriteAccess::FurtherGroup(accounts::group_name(meta.gid()).unwrap_or_else(|| meta.gid().to_string()))
    } else {
        WriteAccess::Own
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;
    use cci_core::idmap::Ids;

    /// What gives a caller access to a directory of this mode that the tests own.
    fn of_mode(mode: u32, ids: Ids) -> WriteAccess {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
        let mut caller = Caller::for_test(dir.path(), &[]);
        caller.ids = ids;
        of(&caller, dir.path())
    }

    #[test]
    fn a_supplementary_group_is_distinguished_from_what_is_effective_inside() {
        let own = rustix::process::getegid().as_raw();
        assert_eq!(of_mode(0o770, Ids { uid: u32::MAX - 1, gid: own }), WriteAccess::Own);
        assert_eq!(of_mode(0o777, Ids { uid: u32::MAX - 1, gid: u32::MAX - 1 }), WriteAccess::Own);
        assert_eq!(of_mode(0o700, Ids { uid: rustix::process::geteuid().as_raw(), gid: 1 }), WriteAccess::Own);
        assert_eq!(of(&Caller::for_test("/", &[]), Path::new("/nonexistent")), WriteAccess::None);
        // only a process with supplementary groups can test the rest
        let Some(group) = rustix::process::getgroups().unwrap().first().map(|group| group.as_raw()) else { return };
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), None, Some(group)).unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o2770)).unwrap();
        let mut caller = Caller::for_test(dir.path(), &[]);
        caller.ids = Ids { uid: u32::MAX - 1, gid: u32::MAX - 1 };
        assert!(matches!(of(&caller, dir.path()), WriteAccess::FurtherGroup(_)));
    }
}
