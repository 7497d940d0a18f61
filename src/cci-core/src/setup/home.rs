//! Whether cci's directories in the user's home belong to that user: a `sudo` that keeps `HOME` leaves root's files there.

use cci_guest::GuestText;

use super::finding::Finding;
use super::found::{Found, OfRoot, Person};
use super::step::Step;
use crate::idmap::Ids;

pub(super) fn home(found: &Found, OfRoot { first, directories }: &OfRoot) -> Finding {
    let Person { name, uid, gid, .. } = &found.person;
    let text = format!("{} belongs to root, so {name} cannot use it", GuestText::new(first));
    let (directories, ids) = (directories.clone(), Ids { uid: *uid, gid: *gid });
    Finding::broken("home", text, vec![Step::GiveBack { directories, user: name.clone(), ids }])
}
