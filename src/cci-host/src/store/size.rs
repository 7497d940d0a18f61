//! The disk space of a session, counted without following anything out of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The most entries that are counted; an agent that created more gets a lower bound.
const MAX_ENTRIES: usize = 200_000;

/// The bytes that the tree takes on the disk: a sparse file counts only its data.
#[must_use]
pub fn of_tree(root: &Path) -> u64 {
    let (mut total, mut seen) = (0, 0);
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MAX_ENTRIES {
                return total;
            }
            // the entry's own metadata: a link is a link
            let Ok(meta) = entry.metadata() else { continue };
            total += meta.blocks() * 512;
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_file_and_a_link_out_of_the_tree_do_not_count_what_they_pretend() {
        let tree = tempfile::tempdir().unwrap();
        fs::File::create(tree.path().join("sparse")).unwrap().set_len(10 << 30).unwrap();
        std::os::unix::fs::symlink("/usr", tree.path().join("usr")).unwrap();
        fs::create_dir(tree.path().join("d")).unwrap();
        fs::write(tree.path().join("d/file"), vec![1; 100_000]).unwrap();
        let size = of_tree(tree.path());
        assert!((100_000..300_000).contains(&size), "{size}");
    }
}
