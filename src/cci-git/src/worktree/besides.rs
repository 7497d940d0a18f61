//! What a new worktree gets of the user's own besides the commit: directories that are copied or shown, and single files.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::fault::Result;
use super::new::{Made, New, Skipped};
use super::source::directory;
use super::users::Users;
use super::{include, index, place, whole};

/// What the worktree gets of the user's besides the commit; the paths of it, which it is to ignore.
pub(super) fn besides(
    new: &New<'_>,
    files: &Path,
    exclude: &[u8],
    written: &[index::Entry],
) -> Result<(Made, Vec<Vec<u8>>)> {
    let own = [new.ignored, b"\n", exclude].concat();
    let (users, to) = (Users::new(files, &own, written)?, directory(new.at)?);
    let mut made = Made::default();
    let mut paths = directories(new, &users, &to, &mut made)?;
    paths.extend(include::copied(&users, &to, new.owner, &paths)?);
    Ok((made, paths))
}

fn directories(new: &New<'_>, users: &Users<'_>, to: &OwnedFd, made: &mut Made) -> Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    let wanted = new.copy.iter().map(|path| (path, true)).chain(new.link.iter().map(|path| (path, false)));
    for (path, is_copied) in wanted {
        let mut skip = |why: &str| made.skipped.push(Skipped { path: path.clone(), why: why.to_owned() });
        let from = match users.ignored(path.as_bytes())? {
            Ok(Some(from)) => from,
            Ok(None) => continue,
            Err(why) => {
                skip(why);
                continue;
            }
        };
        let Some(place) = place::made(to, path.as_bytes(), new.owner)? else {
            skip("the commit has something else there");
            continue;
        };
        paths.push(path.as_bytes().to_vec());
        if !is_copied {
            made.linked.push(path.clone());
            continue;
        }
        let unread = whole::copied(&from, &place, new.owner, path.as_bytes())?;
        if unread > 0 {
            skip(&format!("{unread} of its files cannot be read"));
        }
    }
    Ok(paths)
}
