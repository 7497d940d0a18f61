//! Whether the user's home and cci's directories in it are theirs: a `sudo` that keeps `HOME` leaves files of root's
//! there, and an account of a service may have no home.

use std::path::PathBuf;

use cci_guest::GuestText;

use super::finding::Finding;
use super::found::{ClosedHome, Found, OfRoot, Person};
use super::step::Step;
use crate::idmap::Ids;

pub(super) fn home(found: &Found, OfRoot { first, directories }: &OfRoot) -> Finding {
    let Person { name, uid, gid, .. } = &found.person;
    let text = format!("{} belongs to root, so {name} cannot use it", GuestText::new(first));
    let (directories, ids) = (directories.clone(), Ids { uid: *uid, gid: *gid });
    Finding::broken("home", text, vec![Step::GiveBack { directories, user: name.clone(), ids }])
}

/// Root's files may be among those that were not looked at.
pub(super) fn in_part((directory, looked_at): &(PathBuf, usize)) -> Finding {
    let directory = GuestText::new(directory);
    let text =
        format!("{directory}: none of its first {looked_at} files belongs to root; the others were not looked at");
    Finding::ok("home", text)
}

pub(super) fn closed_home(ClosedHome { path, exists }: &ClosedHome) -> Finding {
    let path = GuestText::new(path);
    if *exists {
        let text = format!("{path}, where cci keeps what it has of you, is closed to you");
        return Finding::broken("home", text, Vec::new()).fixed_by(format!("chmod u+rwx {path}, or set HOME"));
    }
    let text = format!("the home directory {path} does not exist");
    Finding::broken("home", text, Vec::new()).fixed_by("set HOME to a directory of this user")
}
