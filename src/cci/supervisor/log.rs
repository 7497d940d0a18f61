//! What the supervisor did, a line each, in a file that never grows beyond a bound.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cci_guest::GuestText;
use jiff::Timestamp;

/// How large the file may become; one earlier file of that size is kept.
const LARGEST: u64 = 512 * 1024;
/// How long a line may be.
const LONGEST: usize = 500;

/// The log of one supervisor.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    open: RefCell<Option<(File, u64)>>,
}

impl Log {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, open: RefCell::new(None) }
    }

    /// Adds a line. What a guest sent in it shows no control characters; a log that cannot be written stops nothing.
    pub(crate) fn say(&self, line: impl std::fmt::Display) {
        let line: String = GuestText::new(line.to_string()).to_string().chars().take(LONGEST).collect();
        let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let _ = self.write(&format!("{at} {line}\n"));
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let mut open = self.open.borrow_mut();
        if open.as_ref().is_some_and(|(_, size)| *size > LARGEST) {
            *open = None;
        }
        if open.is_none() {
            *open = Some(opened(&self.path)?);
        }
        if let Some((file, size)) = open.as_mut() {
            file.write_all(line.as_bytes())?;
            *size += line.len() as u64;
        }
        Ok(())
    }
}

/// Opens it for further lines; a full one is put aside first.
fn opened(path: &Path) -> io::Result<(File, u64)> {
    if let Some(above) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(above)?;
    }
    if fs::metadata(path).is_ok_and(|there| there.len() > LARGEST) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// The file for what a dying process prints.
pub(super) fn for_a_panic(path: &Path) -> Option<File> {
    opened(path).ok().map(|(file, _)| file)
}

/// The last lines.
pub(crate) fn tail(path: &Path, lines: usize) -> io::Result<Vec<String>> {
    let read = |path: &Path| match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    };
    let text = [read(&path.with_extension("log.1"))?, read(path)?].concat();
    let all: Vec<String> = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
    Ok(all[all.len().saturating_sub(lines)..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_twice_its_bound_and_shows_no_control_characters() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/supervisor.log");
        let log = Log::at(path.clone());
        log.say("first \x1b[2J\nsecond");
        let lines = tail(&path, 5).unwrap();
        assert!(lines.len() == 1 && !lines[0].contains('\x1b') && lines[0].contains("second"), "{lines:?}");
        for number in 0..5_000 {
            log.say(format_args!("{number} {}", "x".repeat(1_000)));
        }
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(size(&path) <= LARGEST + 1_000 && size(&path.with_extension("log.1")) <= LARGEST + 1_000);
        assert!(tail(&path, 1).unwrap()[0].contains(" 4999 "));
        assert_eq!(tail(&dir.path().join("none.log"), 3).unwrap(), Vec::<String>::new());
    }
}
