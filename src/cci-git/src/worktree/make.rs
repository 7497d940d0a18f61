//! Makes the worktree of a session: its files, and a repository of its own that borrows the parent's objects.

use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use gix_zlib::Inflate;

use super::besides::besides;
use super::checkout::{Checkout, tree_of};
use super::fault::Result;
use super::new::{Made, New};
use super::source::{OWN, Source, directory};
use super::sparse::Sparse;
use super::{index, refs};
use crate::config::{self, Entry};
use crate::dir::Dir;
use crate::error::at;
use crate::id::Id;
use crate::restore::refs::in_workspace;

/// Makes it. After an error the caller removes what is there.
pub fn make(new: &New<'_>) -> Result<Made> {
    let parent = directory(new.parent)?;
    let source = Source::of(&parent, OWN)?;
    let tree = tree_of(&source, new.base, &mut Inflate::default())?;
    fs::DirBuilder::new().mode(0o755).create(new.at).map_err(at("make", new.at))?;
    give(new, new.at)?;
    let top = Dir::root(&parent).map_err(at("open", new.parent))?;
    let own = Dir::root(&directory(new.git_dir)?).map_err(at("open", new.git_dir))?;
    let text = |path: &[&[u8]]| in_workspace(&top, path).unwrap_or_default();
    let entries = config::parse(&text(&[b"config"])).unwrap_or_default();
    let of_worktree = config::parse(&in_workspace(&own, &[b"config.worktree"]).unwrap_or_default()).unwrap_or_default();
    let all: Vec<Entry> = entries.into_iter().chain(of_worktree).collect();
    let patterns = is_sparse(&all).then(|| in_workspace(&own, &[b"info", b"sparse-checkout"])).flatten();
    let sparse = patterns.as_deref().map(Sparse::new);

    let checkout = Checkout { source: &source, top: new.at, owner: new.owner };
    let mut written = checkout.all(tree, sparse.as_ref())?;
    let exclude = text(&[b"info", b"exclude"]);
    let (made, copied) = match new.files {
        Some(files) => besides(new, files, &exclude, &written)?,
        None => (Made::default(), Vec::new()),
    };

    let git = Git { new, dir: new.at.join(".git") };
    git.put("objects/info/alternates", &line(&new.parent.join("objects")))?;
    git.put("config", settings(&all, sparse.is_some()).as_bytes())?;
    git.put("packed-refs", &packed(&refs::all(&parent)?, new.branch))?;
    git.put(&format!("refs/heads/{}", new.branch), format!("{}\n", new.base).as_bytes())?;
    git.put("info/exclude", &excluded(exclude, &copied))?;
    // what a container is kept from writing has to be there
    git.put("info/attributes", b"")?;
    git.directory(&git.dir.join("hooks"))?;
    if let Some(patterns) = &patterns {
        git.put("info/sparse-checkout", patterns)?;
    }
    if let Some(shallow) = in_workspace(&top, &[b"shallow"]) {
        git.put("shallow", &shallow)?;
    }
    git.directory(&git.dir.join("objects/pack"))?;
    git.put("index", &index::encode(&mut written)?)?;
    git.put("HEAD", format!("ref: refs/heads/{}\n", new.branch).as_bytes())?;
    Ok(made)
}

/// The new repository.
struct Git<'a> {
    new: &'a New<'a>,
    dir: PathBuf,
}

impl Git<'_> {
    fn put(&self, path: &str, content: &[u8]) -> Result<()> {
        let path = self.dir.join(path);
        self.directory(path.parent().unwrap_or(&self.dir))?;
        let mut file = fs::File::create_new(&path).map_err(at("make", &path))?;
        file.write_all(content).map_err(at("write", &path))?;
        give(self.new, &path)
    }

    fn directory(&self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.directory(path.parent().unwrap_or(&self.dir))?;
        fs::create_dir(path).map_err(at("make", path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(at("make", path))?;
        give(self.new, path)
    }
}

fn give(new: &New<'_>, path: &Path) -> Result<()> {
    let given = new.owner.map(|(uid, gid)| lchown(path, Some(uid), Some(gid)));
    Ok(given.unwrap_or(Ok(())).map_err(at("give away", path))?)
}

fn line(path: &Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), b"\n"].concat()
}

fn is_sparse(entries: &[Entry]) -> bool {
    let said = entries.iter().rfind(|entry| entry.section == "core" && entry.key == "sparsecheckout");
    said.is_some_and(|entry| matches!(entry.value.as_deref(), None | Some("true" | "yes" | "on" | "1")))
}

/// The settings of the new repository: of the parent's, where its remotes are and how it sees files, and nothing that runs or signs.
fn settings(entries: &[Entry], sparse: bool) -> String {
    let mut text =
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n"
            .to_owned();
    if sparse {
        text += "\tsparseCheckout = true\n";
    }
    for entry in entries {
        let is_taken = matches!(
            (entry.section.as_str(), entry.key.as_str()),
            ("core", "autocrlf" | "eol" | "safecrlf" | "ignorecase" | "quotepath" | "sparsecheckoutcone")
                | ("remote", "url" | "pushurl" | "fetch" | "push" | "tagopt")
                | ("branch", "remote" | "merge" | "rebase" | "pushremote")
                | ("user", "name" | "email")
                | ("init", "defaultbranch")
                | ("pull", "rebase" | "ff")
        );
        let value = entry.value.as_deref().unwrap_or("true");
        if is_taken && !value.contains('\0') {
            let section = match &entry.subsection {
                Some(name) => format!("{} \"{}\"", entry.section, name.replace('\\', "\\\\").replace('"', "\\\"")),
                None => entry.section.clone(),
            };
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
            text.extend(["[", &section, "]\n\t", &entry.key, " = \"", &value, "\"\n"]);
        }
    }
    text
}

/// The refs of the parent, as they are now.
fn packed(all: &std::collections::BTreeMap<Vec<u8>, Id>, branch: &str) -> Vec<u8> {
    let own = format!("refs/heads/{branch}");
    let mut text = b"# pack-refs with: sorted \n".to_vec();
    for (name, id) in all {
        let is_shared =
            [&b"refs/heads/"[..], b"refs/tags/", b"refs/remotes/"].iter().any(|kind| name.starts_with(kind));
        if is_shared && name != own.as_bytes() {
            text.extend_from_slice(id.to_string().as_bytes());
            text.push(b' ');
            text.extend_from_slice(name);
            text.push(b'\n');
        }
    }
    text
}

/// What the repository ignores: what the parent does, and what was copied into the worktree.
fn excluded(mut text: Vec<u8>, copied: &[Vec<u8>]) -> Vec<u8> {
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for path in copied {
        text.push(b'/');
        for byte in path {
            if b"*?[]\\ !#".contains(byte) {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.push(b'\n');
    }
    text
}
