//! Looks by which right the caller may use a file or directory: not each reaches into a container.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cci_core::access::{Access, Wanted};
use cci_core::idmap::Ids;
use rustix::fs::Access as Bits;
use rustix::io::Errno;

use crate::accounts;

/// The access control list of a file, as an extended attribute.
const LIST: &str = "system.posix_acl_access";

/// The right by which this caller has the access that is wanted.
#[must_use]
pub fn of(caller: Ids, path: &Path, wanted: Wanted) -> Access {
    let Ok(meta) = path.metadata() else { return Access::None };
    let wanted = bits(&meta, wanted);
    match rustix::fs::access(path, Bits::from_bits_retain(wanted)) {
        Ok(()) => {}
        Err(Errno::ROFS) => return Access::ReadOnly,
        Err(_) => return Access::None,
    }
    let further: Vec<u32> =
        rustix::process::getgroups().unwrap_or_default().iter().map(|group| group.as_raw()).collect();
    by(caller, &meta, list(path).as_deref(), &further, wanted)
}

/// The right by which somebody, who has the access, has it.
fn by(caller: Ids, meta: &Metadata, list: Option<&[Entry]>, further: &[u32], wanted: u32) -> Access {
    let entries = list.map_or_else(|| of_mode(meta.mode()), <[Entry]>::to_vec);
    // root needs no right, and the agent is not root then
    if caller.uid == 0 || allows(&entries, meta, caller, wanted) {
        Access::Own
    } else if list.is_some() {
        Access::GroupList
    } else if (meta.mode() >> 3) & wanted == wanted && further.contains(&meta.gid()) {
        Access::FurtherGroup(accounts::group_name(meta.gid()).unwrap_or_else(|| meta.gid().to_string()))
    } else {
        Access::Own
    }
}

/// The permission bits; a directory is to be entered, too.
fn bits(meta: &Metadata, wanted: Wanted) -> u32 {
    let bits = match wanted {
        Wanted::Write => 0o2,
        Wanted::Read => 0o4,
    };
    if meta.is_dir() { bits | 0o1 } else { bits }
}

/// One entry of an access control list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    tag: u16,
    may: u32,
    id: u32,
}

// the tags of entries, as the kernel numbers them
const OWNER: u16 = 1;
const USER: u16 = 2;
const OWN_GROUP: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHERS: u16 = 32;

/// The list as the kernel gives it: a version, and eight bytes for each entry.
fn list(path: &Path) -> Option<Vec<Entry>> {
    let mut buffer = [0_u8; 4096];
    let length = rustix::fs::getxattr(path, LIST, &mut buffer).ok()?;
    let entry = |bytes: &[u8]| {
        let (tag, may) = (u16::from_le_bytes([bytes[0], bytes[1]]), u16::from_le_bytes([bytes[2], bytes[3]]));
        Entry { tag, may: may.into(), id: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) }
    };
    Some(buffer.get(4..length)?.chunks_exact(8).map(entry).collect())
}

fn of_mode(mode: u32) -> Vec<Entry> {
    [(OWNER, 6), (OWN_GROUP, 3), (OTHERS, 0)]
        .map(|(tag, shift)| Entry { tag, may: (mode >> shift) & 0o7, id: 0 })
        .into()
}

/// Whether somebody without further groups has the access: that is who the agent is.
fn allows(entries: &[Entry], meta: &Metadata, ids: Ids, wanted: u32) -> bool {
    let mask = entries.iter().find(|entry| entry.tag == MASK).map_or(0o7, |entry| entry.may);
    let of = |tag: u16| entries.iter().find(|entry| entry.tag == tag);
    let is = |may: u32| may & wanted == wanted;
    if meta.uid() == ids.uid {
        return of(OWNER).is_some_and(|entry| is(entry.may));
    }
    if let Some(user) = entries.iter().find(|entry| entry.tag == USER && entry.id == ids.uid) {
        return is(user.may & mask);
    }
    let is_own_group =
        |entry: &&Entry| entry.tag == OWN_GROUP && meta.gid() == ids.gid || entry.tag == GROUP && entry.id == ids.gid;
    let groups: Vec<&Entry> = entries.iter().filter(is_own_group).collect();
    if groups.is_empty() {
        return of(OTHERS).is_some_and(|entry| is(entry.may));
    }
    groups.iter().any(|entry| is(entry.may & mask))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ELSE: Ids = Ids { uid: 7_000_007, gid: 7_000_008 };

    /// By which right somebody with this further group writes in a directory of that group.
    fn of_mode(mode: u32, ids: Ids) -> Access {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(mode)).unwrap();
        let meta = dir.path().metadata().unwrap();
        by(ids, &meta, None, &[7, meta.gid()], bits(&meta, Wanted::Write))
    }

    #[test]
    fn a_supplementary_group_is_distinguished_from_what_is_effective_inside() {
        let own = rustix::process::getegid().as_raw();
        assert_eq!(of_mode(0o770, Ids { gid: own, ..ELSE }), Access::Own);
        assert_eq!(of_mode(0o777, ELSE), Access::Own);
        assert_eq!(of_mode(0o700, Ids { uid: rustix::process::geteuid().as_raw(), gid: 1 }), Access::Own);
        assert!(matches!(of_mode(0o2770, ELSE), Access::FurtherGroup(_)));
        assert_eq!(of(ELSE, Path::new("/nonexistent"), Wanted::Write), Access::None);
    }

    #[test]
    fn a_group_of_which_one_is_no_member_gives_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o2770)).unwrap();
        let meta = dir.path().metadata().unwrap();
        assert!(!matches!(by(ELSE, &meta, None, &[], 0o3), Access::FurtherGroup(_)));
        let list = [Entry { tag: GROUP, may: 7, id: 7 }];
        assert_eq!(by(ELSE, &meta, Some(&list), &[], 0o3), Access::GroupList);
    }

    #[test]
    fn a_list_counts_for_ones_own_user_and_group_alone() {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir.path().metadata().unwrap();
        let (me, mine) = (7_000_007, 7_000_008);
        let entry = |tag, may, id| Entry { tag, may, id };
        let base = [entry(OWNER, 7, 0), entry(OWN_GROUP, 5, 0), entry(MASK, 7, 0), entry(OTHERS, 5, 0)];
        let allowed = |more: &[Entry]| allows(&[&base[..], more].concat(), &meta, Ids { uid: me, gid: mine }, 0o3);
        assert!(!allowed(&[]));
        assert!(allowed(&[entry(USER, 7, me)]));
        assert!(!allowed(&[entry(USER, 7, me + 5)]));
        assert!(!allowed(&[entry(USER, 5, me), entry(GROUP, 7, mine)]), "the user's own entry decides");
        assert!(allowed(&[entry(GROUP, 7, mine)]));
        assert!(!allowed(&[entry(GROUP, 7, mine + 5)]), "a further group");
        let masked = [entry(USER, 7, me), entry(MASK, 5, 0)];
        assert!(!allows(&masked, &meta, Ids { uid: me, gid: mine }, 0o3));
    }
}
