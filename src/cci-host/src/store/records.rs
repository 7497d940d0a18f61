//! Reads records as they grow: what is new in each of them since it was read last.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cci_core::session::SessionId;
use serde::Deserialize;
use serde_json::Value;

use super::audit::{Audits, Place};

/// One line of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Whose.
    pub session: SessionId,
    /// Its container, as far as the record says that.
    pub container: String,
    /// When, in RFC 3339.
    pub at: String,
    /// What happened, with `event` for its kind.
    pub what: Value,
}

/// What has been read so far.
#[derive(Debug)]
pub struct Reader {
    audits: Audits,
    /// Up to where, by file: one that was put aside is still the same.
    read: BTreeMap<(u64, u64), u64>,
    containers: BTreeMap<SessionId, String>,
}

#[derive(Deserialize)]
struct Line {
    at: String,
    what: Value,
}

impl Reader {
    /// Of all of these, from their beginning.
    #[must_use]
    pub fn of(audits: &Audits) -> Self {
        Self { audits: audits.clone(), read: BTreeMap::new(), containers: BTreeMap::new() }
    }

    /// Gives each line that was not read before, session by session, the oldest first.
    pub fn more(&mut self, mut each: impl FnMut(Recorded)) -> io::Result<()> {
        for session in self.audits.sessions()? {
            let Place { now, aside, .. } = self.audits.place(session);
            for path in [aside, now] {
                self.lines(session, &path, &mut each)?;
            }
        }
        Ok(())
    }

    fn lines(&mut self, session: SessionId, path: &Path, each: &mut impl FnMut(Recorded)) -> io::Result<()> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let about = file.metadata()?;
        let until = self.read.entry((about.dev(), about.ino())).or_default();
        let mut file = BufReader::new(file);
        file.seek(SeekFrom::Start(*until))?;
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            *until += line.len() as u64;
            if let Ok(Line { at, what }) = serde_json::from_slice(&line) {
                if let Some(container) = what["container"].as_str() {
                    self.containers.insert(session, container.to_owned());
                }
                let container = self.containers.get(&session).cloned().unwrap_or_default();
                each(Recorded { session, container, at, what });
            }
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cci_core::audit::Event;

    use super::*;

    fn read(reader: &mut Reader) -> Vec<String> {
        let mut seen = Vec::new();
        reader
            .more(|line| seen.push(format!("{} {}", line.container, line.what["why"].as_str().unwrap_or("-"))))
            .unwrap();
        seen
    }

    fn refused(why: &str) -> (String, Event) {
        ("2026-11-28T09:00:00Z".into(), Event::Refused { why: why.into(), host: None, near: false })
    }

    #[test]
    fn each_line_is_read_once_also_where_its_file_was_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let audits = Audits::of(dir.path());
        let mut reader = Reader::of(&audits);
        assert!(read(&mut reader).is_empty(), "there is nothing");
        let (one, two) = (SessionId::from_random([1; 16]), SessionId::from_random([2; 16]));
        let began = Event::Began {
            container: "c".into(),
            workspace: "/w".into(),
            agent: "a".into(),
            image: "i".into(),
            network: "open".into(),
            allowed: vec![],
        };
        audits
            .open(one)
            .unwrap()
            .append(&[refused("1"), ("2026-11-28T09:00:01Z".into(), began), refused("2")])
            .unwrap();
        audits.open(two).unwrap().append(&[refused("3")]).unwrap();
        assert_eq!(read(&mut reader), [" 1", "c -", "c 2", " 3"]);
        assert!(read(&mut reader).is_empty());
        audits.open(one).unwrap().append(&[refused("4")]).unwrap();
        let mut full = audits.open(one).unwrap();
        full.largest = 0;
        full.append(&[refused("5")]).unwrap();
        drop(full);
        assert_eq!(read(&mut reader), ["c 4", "c 5"]);
        let path = audits.place(two).now;
        fs::write(&path, fs::read_to_string(&path).unwrap() + "{\"at\":").unwrap();
        assert!(read(&mut reader).is_empty(), "a line that is being written");
        assert_eq!(audits.sessions().unwrap(), [one, two]);
    }
}
