//! `~/.cci/audit`: for each session a file with a line for everything that it ran and connected to. It is bounded: what is
//! full is put aside, and the one that was put aside before is removed; of many sessions the oldest are.

mod bounds;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cci_core::audit::{Event, Link, follow, line};
use cci_core::session::SessionId;

use super::put::{PRIVATE, beside};

/// What ends the name of a record, of what was put aside of it, and of the link to what was written last.
const LINES: &str = ".jsonl";
const ASIDE: &str = ".1.jsonl";
const END: &str = ".end";
/// How large a file may become.
const LARGEST: u64 = 32 * 1024 * 1024;
/// No line is as long.
const LONGEST: u64 = 64 * 1024;

/// The directory.
#[derive(Debug, Clone)]
pub struct Audits(pub(super) PathBuf);

/// The record of one session, open for further lines: nobody else has it open meanwhile.
#[derive(Debug)]
pub struct Audit {
    place: Place,
    file: File,
    size: u64,
    last: Link,
    pub(super) largest: u64,
}

/// What became of following a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// So many lines follow one another.
    Whole(usize),
    /// This line of this file, from one, does not follow.
    Broken(PathBuf, usize),
    /// So many lines follow one another, and what was written last is not among them.
    Cut(usize),
}

/// Where it is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) now: PathBuf,
    pub(super) aside: PathBuf,
    /// The link of what was written last.
    end: PathBuf,
}

impl Audits {
    /// Of this `~/.cci`.
    #[must_use]
    pub fn of(cci_dir: &Path) -> Self {
        Self(cci_dir.join("audit"))
    }

    pub(super) fn place(&self, session: SessionId) -> Place {
        let file = |end: &str| self.0.join(format!("{session}{end}"));
        Place { now: file(LINES), aside: file(ASIDE), end: file(END) }
    }

    /// The sessions that have a record.
    pub fn sessions(&self) -> io::Result<Vec<SessionId>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut all: Vec<SessionId> = names
            .filter_map(|name| [ASIDE, LINES, END].iter().find_map(|end| name.strip_suffix(end))?.parse().ok())
            .collect();
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Opens the record of a session, which is made if there is none.
    pub fn open(&self, session: SessionId) -> io::Result<Audit> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let place = self.place(session);
        let mut file = held(&place.now)?;
        let (mut last, size) = end(&mut file)?;
        file.set_len(size)?;
        if size == 0 {
            bounds::keep(&self.0, &place.now);
        }
        if last.is_none()
            && let Ok(mut aside) = File::open(&place.aside)
        {
            last = end(&mut aside)?.0;
        }
        Ok(Audit { place, file, size, last: last.unwrap_or_default(), largest: LARGEST })
    }

    /// Follows the record of a session from its first line to its last. Nothing is added meanwhile.
    pub fn follow(&self, session: SessionId) -> io::Result<Followed> {
        let place = self.place(session);
        let _held = match File::open(&place.now) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => {
                let file = file?;
                file.lock_shared()?;
                Some(file)
            }
        };
        // what was put aside has lost its beginning some day; what was not has it
        let (mut before, mut lines) = (if place.aside.exists() { None } else { Some(Link::default()) }, 0);
        let last = fs::read_to_string(&place.end).ok();
        let is_last = |line: &str| last.as_ref().is_none_or(|last| Link::of(line).to_string() == *last);
        let mut is_whole = last.is_none();
        for path in [place.aside, place.now] {
            let text = match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                read => String::from_utf8_lossy(&read?).into_owned(),
            };
            // what is behind the last line was cut off while it was written
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            before = match follow(before, whole.lines()) {
                Ok(next) => next,
                Err(line) => return Ok(Followed::Broken(path, line)),
            };
            lines += whole.lines().count();
            is_whole = is_whole || whole.lines().any(is_last);
        }
        Ok(if is_whole { Followed::Whole(lines) } else { Followed::Cut(lines) })
    }
}

impl Audit {
    /// Adds lines; after an error it is to be opened again.
    pub fn append(&mut self, events: &[(String, Event)]) -> io::Result<()> {
        if self.size > self.largest {
            fs::rename(&self.place.now, &self.place.aside)?;
            self.file = held(&self.place.now)?;
            self.size = 0;
        }
        let (mut last, mut text) = (self.last.clone(), String::new());
        for (at, event) in events {
            let line = line(&last, at, event);
            last = Link::of(&line);
            text += &line;
            text.push('\n');
        }
        self.file.write_all(text.as_bytes())?;
        self.size += text.len() as u64;
        self.last = last;
        put_end(&self.place.end, &self.last)
    }
}

/// Notes what was written last. It comes after it: a record may go on behind that.
fn put_end(path: &Path, last: &Link) -> io::Result<()> {
    let new = beside(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&new)?;
    file.write_all(last.to_string().as_bytes())?;
    fs::rename(&new, path)
}

fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE).open(path)
}

/// The same, held against others: what one of them has put aside meanwhile is not the record any more.
fn held(path: &Path) -> io::Result<File> {
    loop {
        let file = opened(path)?;
        file.lock()?;
        if fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|held| held.ino() == there.ino())) {
            return Ok(file);
        }
    }
}

/// The link to what comes next in a file, and where its last line ends: what is behind was cut off while it was written.
fn end(file: &mut File) -> io::Result<(Option<Link>, u64)> {
    let from = file.metadata()?.len().saturating_sub(LONGEST);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LONGEST).read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
        return if from == 0 { Ok((None, 0)) } else { Err(io::ErrorKind::InvalidData.into()) };
    };
    let line = tail[..end].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok((Some(Link::of(&String::from_utf8_lossy(line))), from + end as u64 + 1))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn session() -> SessionId {
        SessionId::from_random([7; 16])
    }

    fn refused(number: usize) -> (String, Event) {
        (
            "2026-11-28T09:00:00Z".to_owned(),
            Event::Refused { why: format!("no rule allows n{number}.example:443"), host: None, near: false },
        )
    }

    #[test]
    fn a_record_goes_on_where_it_was_and_is_followed_from_end_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let audits = Audits::of(dir.path());
        assert_eq!(audits.follow(session()).unwrap(), Followed::Whole(0));
        for number in 0..3 {
            audits.open(session()).unwrap().append(&[refused(number), refused(number)]).unwrap();
        }
        assert_eq!(audits.follow(session()).unwrap(), Followed::Whole(6));
        let path = audits.place(session()).now;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("audit")).unwrap().permissions().mode() & 0o777, 0o700);

        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("n1.example", "n9.example", 1)).unwrap();
        assert_eq!(
            audits.follow(session()).unwrap(),
            Followed::Broken(path.clone(), 4),
            "the line after the changed one"
        );
        fs::write(&path, text.split_once('\n').unwrap().1).unwrap();
        assert_eq!(audits.follow(session()).unwrap(), Followed::Broken(path, 1), "the first one was removed");
    }

    #[test]
    fn what_was_cut_off_at_the_end_is_missed() {
        let dir = tempfile::tempdir().unwrap();
        let audits = Audits::of(dir.path());
        for number in 0..3 {
            audits.open(session()).unwrap().append(&[refused(number), refused(number)]).unwrap();
        }
        let place = audits.place(session());
        let text = fs::read_to_string(&place.now).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for left in [5, 1] {
            fs::write(&place.now, lines[..left].concat()).unwrap();
            assert_eq!(audits.follow(session()).unwrap(), Followed::Cut(left));
        }
        // a supervisor that was killed before it noted the last lines
        let before = fs::read_to_string(&place.end).unwrap();
        fs::write(&place.now, &text).unwrap();
        fs::write(&place.end, Link::of(lines[3].trim_end()).to_string()).unwrap();
        assert_eq!(audits.follow(session()).unwrap(), Followed::Whole(6));
        fs::write(&place.end, before).unwrap();
        fs::remove_file(&place.now).unwrap();
        assert_eq!(audits.sessions().unwrap(), [session()]);
        assert_eq!(audits.follow(session()).unwrap(), Followed::Cut(0), "all of it is gone");
    }

    #[test]
    fn a_line_that_was_cut_off_is_not_gone_on_from() {
        let dir = tempfile::tempdir().unwrap();
        let audits = Audits::of(dir.path());
        audits.open(session()).unwrap().append(&[refused(1)]).unwrap();
        let path = audits.place(session()).now;
        for cut in ["{\"at\":\"20", "{"] {
            fs::write(&path, fs::read_to_string(&path).unwrap() + cut).unwrap();
            audits.open(session()).unwrap().append(&[refused(2)]).unwrap();
        }
        assert_eq!(audits.follow(session()).unwrap(), Followed::Whole(3));
    }

    #[test]
    fn it_is_bounded_and_follows_over_what_was_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let audits = Audits::of(dir.path());
        for number in 0..100 {
            let mut audit = audits.open(session()).unwrap();
            audit.largest = 2_000;
            audit.append(&[refused(number), refused(number)]).unwrap();
        }
        let place = audits.place(session());
        for path in [&place.now, &place.aside] {
            assert!(fs::metadata(path).unwrap().len() < 3_000, "{path:?}");
        }
        assert!(matches!(audits.follow(session()).unwrap(), Followed::Whole(8..)));
        fs::remove_file(&place.aside).unwrap();
        assert_eq!(audits.follow(session()).unwrap(), Followed::Broken(place.now, 1), "its beginning is missed");
    }
}
