//! Looks by which right the caller may write in a directory.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cci_core::access::WriteAccess;
use rustix::fs::Access;
use rustix::io::Errno;

use crate::accounts;
use crate::caller::Caller;

/// The access control list of a file, as an extended attribute.
const LIST: &str = "system.posix_acl_access";

/// The right by which this caller may write in a directory and enter it.
#[must_use]
pub fn of(caller: &Caller, path: &Path) -> WriteAccess {
    match rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => {}
        Err(Errno::ROFS) => return WriteAccess::ReadOnly,
        Err(_) => return WriteAccess::None,
    }
    let Ok(meta) = path.metadata() else { return WriteAccess::None };
    let may = |shift: u32| (meta.mode() >> shift) & 0o3 == 0o3;
    let list = rustix::fs::getxattr(path, LIST, &mut [0_u8; 4096]).is_ok();
    // with a list the middle bits are its mask
    let own = meta.uid() == caller.ids.uid && may(6) || meta.gid() == caller.ids.gid && may(3) && !list || may(0);
    let further = || rustix::process::getgroups().unwrap_or_default().iter().any(|group| group.as_raw() == meta.gid());
    if own {
        WriteAccess::Own
    } else if list {
        WriteAccess::GroupList
    } else if may(3) && further() {
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

    /// By which right a caller, who is not the owner, writes in a directory of the tests' own group.
    fn of_mode(mode: u32, ids: Ids) -> WriteAccess {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
        let mut caller = Caller::for_test(dir.path(), &[]);
        caller.ids = ids;
        of(&caller, dir.path())
    }

    #[test]
    fn a_further_group_is_told_apart_from_what_reaches_inside() {
        let own = rustix::process::getegid().as_raw();
        assert_eq!(of_mode(0o770, Ids { uid: u32::MAX - 1, gid: own }), WriteAccess::Own);
        assert_eq!(of_mode(0o777, Ids { uid: u32::MAX - 1, gid: u32::MAX - 1 }), WriteAccess::Own);
        assert_eq!(of_mode(0o700, Ids { uid: rustix::process::geteuid().as_raw(), gid: 1 }), WriteAccess::Own);
        // as root every group is as good as the own; the group must be one that this process has
        let Some(group) = rustix::process::getgroups().unwrap().first().map(|group| group.as_raw()) else { return };
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), None, Some(group)).unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o2770)).unwrap();
        let mut caller = Caller::for_test(dir.path(), &[]);
        caller.ids = Ids { uid: u32::MAX - 1, gid: u32::MAX - 1 };
        assert!(matches!(of(&caller, dir.path()), WriteAccess::FurtherGroup(_)));
        assert_eq!(of(&caller, Path::new("/nonexistent")), WriteAccess::None);
    }
}
