//! What of a stranger's objects git would accept from another machine, and what they name.

use gix_object::tree::EntryKind;
use gix_validate::path::component;

use super::fault::{Result, refused};
use crate::config;
use crate::id::Id;

/// What an object names.
pub(super) struct Named {
    pub(super) id: Id,
    pub(super) kind: gix_object::Kind,
    /// Whether it is where submodules are listed.
    pub(super) modules: bool,
}

/// The tree and the parents of a commit.
pub(super) fn commit(id: Id, bytes: &[u8]) -> Result<Vec<Named>> {
    let head = bytes.windows(2).position(|two| two == b"\n\n").map_or(bytes, |end| &bytes[..end]);
    if head.contains(&0) {
        return Err(refused(id, "its header has a zero byte"));
    }
    let commit = gix_object::CommitRef::from_bytes(bytes, gix_hash::Kind::Sha1)
        .map_err(|_| refused(id, "it is no commit as git writes them"))?;
    let parents = commit.parents().map(|parent| (parent, gix_object::Kind::Commit));
    let named = std::iter::once((commit.tree(), gix_object::Kind::Tree)).chain(parents);
    named
        .map(|(named, kind)| {
            let named = Id::from_bytes(named.as_bytes()).ok_or_else(|| refused(id, "it names no object"))?;
            Ok(Named { id: named, kind, modules: false })
        })
        .collect()
}

/// The names in a tree: none leads out of it, is `.git` on any system, or is there twice.
pub(super) fn tree(id: Id, bytes: &[u8]) -> Result<Vec<Named>> {
    let mut named = Vec::new();
    for entry in entries(id, bytes)? {
        let kind = match entry.kind {
            EntryKind::Tree => gix_object::Kind::Tree,
            // its commits are in another repository
            EntryKind::Commit => continue,
            _ => gix_object::Kind::Blob,
        };
        let modules = entry.name == b".gitmodules";
        named.push(Named { id: entry.id, kind, modules });
    }
    Ok(named)
}

/// One name in a tree.
pub(super) struct Item<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: EntryKind,
    pub(super) id: Id,
}

/// The names in a tree, in git's order.
pub(super) fn entries(id: Id, bytes: &[u8]) -> Result<Vec<Item<'_>>> {
    let mut items: Vec<Item<'_>> = Vec::new();
    for entry in gix_object::TreeRefIter::from_bytes(bytes, gix_hash::Kind::Sha1) {
        let entry = entry.map_err(|_| refused(id, "it is no tree as git writes them"))?;
        let (name, kind): (&[u8], _) = (entry.filename, entry.mode.kind());
        let link = (kind == EntryKind::Link).then_some(component::Mode::Symlink);
        // backslashes and names of devices are for Windows to refuse
        let how = component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: false };
        let wrong = name.contains(&0) || component(name.into(), link, how).is_err();
        if wrong || is_short_git(name) {
            return Err(refused(id, "a name in it is not allowed"));
        }
        let named = Id::from_bytes(entry.oid.as_bytes()).ok_or_else(|| refused(id, "it names no object"))?;
        let item = Item { name, kind, id: named };
        if let Some(last) = items.last()
            && !is_before(last, &item)
        {
            return Err(refused(id, "its names are not in order"));
        }
        items.push(item);
    }
    let mut names: Vec<&[u8]> = items.iter().map(|item| item.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return Err(refused(id, "a name is in it twice"));
    }
    Ok(items)
}

/// Whether Windows would take a name for `.git`.
fn is_short_git(name: &[u8]) -> bool {
    let plain = name.split(|byte| *byte == b':').next().unwrap_or_default();
    let end = plain.iter().rposition(|byte| !b" .".contains(byte)).map_or(0, |last| last + 1);
    [&b".git"[..], b"git~1"].iter().any(|git| plain[..end].eq_ignore_ascii_case(git))
}

fn is_before(one: &Item<'_>, other: &Item<'_>) -> bool {
    let end = |item: &Item<'_>| if item.kind == EntryKind::Tree { &b"/"[..] } else { b"" };
    one.name.iter().chain(end(one)).lt(other.name.iter().chain(end(other)))
}

/// Refuses a list of submodules with a name, a place or an address that git takes for something else.
pub(super) fn modules(id: Id, bytes: &[u8]) -> Result<()> {
    let leads_out = |path: &str| path.split(['/', '\\']).any(|part| part == "..");
    for entry in config::parse(bytes).map_err(|_| refused(id, "it is no list of submodules"))? {
        let value = entry.value.unwrap_or_default();
        let name = entry.subsection.unwrap_or_default();
        let wrong = match entry.key.as_str() {
            _ if leads_out(&name) => true,
            "path" => leads_out(&value) || value.starts_with(['-', '/']),
            "url" => value.starts_with('-') || value.contains('\n') || value.starts_with("ext::"),
            "update" => value.trim_start().starts_with('!'),
            _ => false,
        };
        if wrong {
            return Err(refused(id, "it lists a submodule that is not allowed"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff00112233";

    fn of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let one = |(mode, name): &(&str, &[u8])| [mode.as_bytes(), b" ", *name, b"\0", &[7; 20]].concat();
        entries.iter().flat_map(one).collect()
    }

    fn is_taken(entries: &[(&str, &[u8])]) -> bool {
        tree(ID.parse().unwrap(), &of(entries)).is_ok()
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in [
            &b".git"[..],
            b".GIT",
            b".git ",
            b".git.",
            b"git~1",
            b".git::$INDEX_ALLOCATION",
            b"..",
            b".",
            b"",
            b"a/b",
            ".g\u{200c}it".as_bytes(),
        ] {
            assert!(!is_taken(&[("100644", name)]), "{}", String::from_utf8_lossy(name));
        }
        for name in [&b".gitignore"[..], b"git", b"...", b"con", "ü".as_bytes(), b"\xff"] {
            assert!(is_taken(&[("100644", name)]), "{}", String::from_utf8_lossy(name));
        }
        assert!(!is_taken(&[("120000", b".gitmodules")]), "a link for the list of submodules");
    }

    #[test]
    fn names_that_are_twice_or_in_disorder_are_refused() {
        assert!(!is_taken(&[("100644", b"a"), ("100644", b"a")]));
        assert!(!is_taken(&[("120000", b"a"), ("100644", b"a.b"), ("40000", b"a")]), "a link and a directory");
        assert!(!is_taken(&[("100644", b"b"), ("100644", b"a")]));
        assert!(is_taken(&[("100644", b"a.b"), ("40000", b"a")]), "git's order: `a` is `a/`");
    }

    #[test]
    fn submodules_that_git_would_take_for_something_else_are_refused() {
        let is_taken = |text: &str| modules(ID.parse().unwrap(), text.as_bytes()).is_ok();
        assert!(is_taken("[submodule \"a\"]\n\tpath = a\n\turl = https://h.example/a\n"));
        for text in [
            "[submodule \"../../x\"]\n\tpath = a\n",
            "[submodule \"a\"]\n\tpath = ../x\n",
            "[submodule \"a\"]\n\tpath = -x\n",
            "[submodule \"a\"]\n\turl = --upload-pack=x\n",
            "[submodule \"a\"]\n\turl = ext::sh -c x\n",
            "[submodule \"a\"]\n\tupdate = !x\n",
        ] {
            assert!(!is_taken(text), "{text}");
        }
    }

    #[test]
    fn a_commit_names_its_tree_and_its_parents() {
        let id = ID.parse().unwrap();
        let text = format!("tree {ID}\nparent {ID}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nm\n");
        assert_eq!(commit(id, text.as_bytes()).unwrap().len(), 2);
        for wrong in [text.replace("tree ", "tee "), text.replace("a <a", "a\0<a"), text[..60].to_owned()] {
            assert!(commit(id, wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
