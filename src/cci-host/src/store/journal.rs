//! Notes of a command that may be killed at any point: written before it creates something, removed when it has ended.
//!
//! The file is locked while the process lives, and the kernel releases the lock however it dies. So a file that can be
//! locked was left by a killed command.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, Mode, OFlags};

use super::nameless;

/// A file without a line is just being started on a filesystem that has no files without a name, unless it is older than
/// this.
const BEGINNING: Duration = Duration::from_secs(60);

/// No command notes more than this.
const LONGEST: u64 = 1 << 20;

/// One command's notes, a line each.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Starts the notes of this process in `dir`, which is created if missing, with these lines: others find all of them
    /// or no notes.
    pub fn begin(dir: &Path, lines: &[String]) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let path = dir.join(uuid::Uuid::new_v4().simple().to_string());
        Self::begin_nameless(dir, &path, lines).or_else(|_| Self::begin_in_place(&path, lines))
    }

    fn begin_nameless(dir: &Path, path: &Path, lines: &[String]) -> io::Result<Self> {
        let file = nameless::open(CWD, dir, OFlags::APPEND, Mode::RUSR | Mode::WUSR)?;
        let journal = Self::of(file, path.to_owned(), lines)?;
        nameless::name(&journal.file, CWD, path)?;
        Ok(journal)
    }

    /// The same where a file must have a name: a command that is killed meanwhile may leave it without a line.
    fn begin_in_place(path: &Path, lines: &[String]) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Self::of(file, path.to_owned(), lines).inspect_err(|_| {
            let _ = fs::remove_file(path);
        })
    }

    fn of(file: File, path: PathBuf, lines: &[String]) -> io::Result<Self> {
        file.lock()?;
        let mut journal = Self { file, path };
        lines.iter().try_for_each(|line| journal.note(line))?;
        Ok(journal)
    }

    /// Adds a line; a command that is killed meanwhile leaves a line without an end, which is ignored.
    pub fn note(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())
    }

    /// Removes the notes: everything in them was kept or removed.
    pub fn close(self) -> io::Result<()> {
        // if the directory cannot be written any more, empty notes mean the same
        fs::remove_file(&self.path).or_else(|_| self.file.set_len(0))
    }

    /// When its last line was written.
    pub fn written(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// How long ago that was.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.written().ok().and_then(|written| written.elapsed().ok()).unwrap_or_default()
    }

    /// The current lines of all commands' notes, with the time of the last one. No lock is tried for that.
    pub fn everybodys(dir: &Path) -> impl Iterator<Item = (SystemTime, Vec<String>)> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let mut file = opened(&entry.path(), OFlags::RDONLY)?;
            let written = file.metadata().and_then(|meta| meta.modified()).ok()?;
            Some((written, whole_lines(&text(&mut file)?)))
        })
    }

    /// The notes of commands that no longer run, with their lines; nobody else gets them while they are held.
    #[must_use]
    pub fn abandoned(dir: &Path) -> Vec<(Self, Vec<String>)> {
        let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
        entries.flatten().filter_map(|entry| Self::taken_over(entry.path())).collect()
    }

    fn taken_over(path: PathBuf) -> Option<(Self, Vec<String>)> {
        let mut file = opened(&path, OFlags::RDWR | OFlags::APPEND)?;
        file.try_lock().ok()?;
        let text = text(&mut file)?;
        let journal = Self { file, path };
        // its owner may have removed it between listing the directory and locking it
        if !journal.path.exists() || (text.is_empty() && journal.age() < BEGINNING) {
            return None;
        }
        Some((journal, whole_lines(&text)))
    }
}

/// Opens notes of another command: a plain file of this user, not through a link.
fn opened(path: &Path, access: OFlags) -> Option<File> {
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let meta = file.metadata().ok()?;
    // another user's notes, in a home that was lent, are for that user to clean up
    (meta.is_file() && meta.uid() == rustix::process::geteuid().as_raw()).then_some(file)
}

/// Their content; a file larger than any command's notes is ignored.
fn text(file: &mut File) -> Option<String> {
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= LONGEST).then_some(text)
}

/// A line without an end is being written, or its writer was killed.
fn whole_lines(text: &str) -> Vec<String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn the_notes_of_a_living_command_are_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let living = Journal::begin(dir.path(), &["one".into()]).unwrap();
        assert!(Journal::abandoned(dir.path()).is_empty());
        drop(living);
        let mut found = Journal::abandoned(dir.path());
        assert_eq!(found.len(), 1);
        assert!(Journal::abandoned(dir.path()).is_empty(), "two commands took the same notes");
        let (journal, lines) = found.remove(0);
        assert_eq!(lines, ["one"]);
        journal.close().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_line_that_was_not_finished_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(dir.path(), &["one".into()]).unwrap();
        journal.file.write_all(b"tw").unwrap();
        drop(journal);
        assert_eq!(Journal::abandoned(dir.path())[0].1, ["one"]);
    }

    #[test]
    fn what_is_no_plain_file_is_no_note() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(dir.path().join("notes")).unwrap();
        fs::write(&elsewhere, "one\n").unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.path().join("notes/link")).unwrap();
        rustix::fs::mknodat(CWD, dir.path().join("notes/pipe"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::write(dir.path().join("notes/endless"), vec![b'\n'; usize::try_from(LONGEST + 1).unwrap()]).unwrap();
        assert!(Journal::abandoned(&dir.path().join("notes")).is_empty());
        assert_eq!(Journal::everybodys(&dir.path().join("notes")).count(), 0);
    }

    #[test]
    fn notes_are_found_with_their_first_lines_or_not_at_all() {
        let (dir, done) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let lines = ["one".to_owned(), "two".to_owned()];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..5000 {
                    Journal::begin(dir.path(), &lines).unwrap().close().unwrap();
                }
                done.store(true, Ordering::Relaxed);
            });
            let mut found = 0;
            while !done.load(Ordering::Relaxed) {
                for (_, begun) in Journal::everybodys(dir.path()) {
                    assert_eq!(begun, lines);
                    found += 1;
                }
            }
            assert!(found > 0, "no notes were met");
        });
    }

    #[test]
    fn where_a_file_must_have_a_name_notes_that_were_just_begun_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        let begun = Journal::begin_in_place(&path, &[]).unwrap();
        drop(begun);
        assert!(Journal::abandoned(dir.path()).is_empty());
        let long_ago = SystemTime::now() - BEGINNING - Duration::from_secs(1);
        File::options().append(true).open(path).unwrap().set_modified(long_ago).unwrap();
        assert_eq!(Journal::abandoned(dir.path())[0].1, [""; 0]);
    }
}
