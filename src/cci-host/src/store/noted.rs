//! What containers of this user have had of the host, in two lists in `~/.cci`: nothing else knows it once a container
//! is removed.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cci_core::Result;

use super::put::{PRIVATE, host, private_directory};

/// A list of texts, each listed once and ended by a NUL.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    file: &'static str,
}

/// The ranges of host ids that containers had: by them `reclaim` recognises what their roots left.
pub const IDS: Noted = Noted { file: "container-ids" };
/// The places that containers could write: links in them belong to the containers.
pub const PLACES: Noted = Noted { file: "guest-places" };

impl Noted {
    /// The content of the list; a missing one is empty.
    pub fn read(self, cci_dir: &Path) -> Result<BTreeSet<String>> {
        let path = cci_dir.join(self.file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.split_terminator('\0').map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(host("read", &path)(error)),
        }
    }

    /// Adds the texts that are not in it yet.
    pub fn add<'a>(self, cci_dir: &Path, texts: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let known = self.read(cci_dir)?;
        let mut new = String::new();
        for text in texts.into_iter().filter(|text| !known.contains(*text)) {
            new.extend([text, "\0"]);
        }
        if new.is_empty() {
            return Ok(());
        }
        // a user's first command may create nothing else of theirs
        private_directory(cci_dir)?;
        let path = cci_dir.join(self.file);
        // one short write at the end: no command overwrites the text of another one
        let mut list =
            OpenOptions::new().append(true).create(true).mode(PRIVATE).open(&path).map_err(host("open", &path))?;
        list.write_all(new.as_bytes()).map_err(host("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_text_creates_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let cci_dir = dir.path().join(".cci");
        IDS.add(&cci_dir, []).unwrap();
        assert!(!cci_dir.exists(), "nothing is noted");
        IDS.add(&cci_dir, ["1-2"]).unwrap();
        assert_eq!(IDS.read(&cci_dir).unwrap(), ["1-2".to_owned()].into());
    }

    #[test]
    fn each_text_is_noted_once() {
        let dir = tempfile::tempdir().unwrap();
        for places in [&["/a", "/b\nc"][..], &["/a"], &[], &["/d"]] {
            PLACES.add(dir.path(), places.iter().copied()).unwrap();
        }
        assert_eq!(PLACES.read(dir.path()).unwrap(), ["/a", "/b\nc", "/d"].map(str::to_owned).into());
        let text = fs::read_to_string(dir.path().join("guest-places")).unwrap();
        assert_eq!(text.matches('\0').count(), 3);
        assert!(IDS.read(dir.path()).unwrap().is_empty());
    }
}
