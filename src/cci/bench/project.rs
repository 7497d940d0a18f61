//! A workspace as large as a project: its files, and a change of some of them.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use cci_core::{Error, Result};

/// How many files are in a directory.
const IN_A_DIRECTORY: u32 = 100;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A tree of files of the same size.
pub(super) struct Project {
    dir: PathBuf,
    files: u32,
    bytes: usize,
    number: Cell<u32>,
}

impl Project {
    /// Writes all of its files.
    pub(super) fn make(dir: &Path, files: u32, bytes: usize) -> Result<Self> {
        let project = Self { dir: dir.to_owned(), files, bytes, number: Cell::new(1) };
        for first in 0..files.div_ceil(IN_A_DIRECTORY) {
            let below = project.below(first);
            std::fs::create_dir(&below).map_err(|source| Error::Host { step: "make", path: below, source })?;
        }
        (0..files).try_for_each(|file| project.write(file))?;
        Ok(project)
    }

    /// Gives so many of its files, in all parts of it, a content that they never had.
    pub(super) fn change(&self, some: u32) -> Result<()> {
        (0..some).try_for_each(|one| self.write(one * (self.files / some)))
    }

    fn write(&self, file: u32) -> Result<()> {
        let path = self.below(file / IN_A_DIRECTORY).join(format!("file-{file}.txt"));
        std::fs::write(&path, self.text()).map_err(|source| Error::Host { step: "write", path, source })
    }

    fn below(&self, number: u32) -> PathBuf {
        self.dir.join(format!("part-{number}"))
    }

    /// Digits, which take half as much when they are compressed: as much as source text does.
    fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.bytes);
        let mut number = self.number.get();
        while text.len() < self.bytes {
            number ^= number << 13;
            number ^= number >> 17;
            number ^= number << 5;
            text.extend((0..8).map(|digit| DIGITS[(number >> (4 * digit) & 15) as usize]));
        }
        self.number.set(number);
        text.truncate(self.bytes);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_gives_as_many_files_a_new_content_and_adds_none() {
        let dir = tempfile::tempdir().unwrap();
        let project = Project::make(dir.path(), 250, 64).unwrap();
        let all = || -> Vec<Vec<u8>> {
            let path = |file: u32| dir.path().join(format!("part-{}/file-{file}.txt", file / IN_A_DIRECTORY));
            (0..250).map(|file| std::fs::read(path(file)).unwrap()).collect()
        };
        let before = all();
        project.change(20).unwrap();
        let after = all();
        assert_eq!(before.iter().zip(&after).filter(|(before, after)| before != after).count(), 20);
        assert!(after.iter().all(|text| text.len() == 64));
    }
}
