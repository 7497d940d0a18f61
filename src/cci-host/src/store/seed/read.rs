//! Reads the files of the host that a session's configuration is made of, also while their owner rewrites them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::thread::park_timeout;
use std::time::{Duration, Instant, SystemTime};

use cci_agent::{Document, Form, Omission, json};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;

/// For how long a file is read again that was changed just now and cannot be understood.
const REWRITTEN_WITHIN: Duration = Duration::from_millis(400);
/// What lies between two readings.
const PAUSE: Duration = Duration::from_millis(5);
/// A file that was changed longer ago is not being written.
const SETTLED: Duration = Duration::from_secs(2);
/// What is no larger is read into memory.
const AT_ONCE: u64 = 16 * 1024 * 1024;
/// Text is read so far.
const LONGEST: u64 = 1024 * 1024;

/// What there is of a document, `None` where there is none.
pub(super) fn document(document: &Document) -> Result<Option<Value>, Omission> {
    let begun = Instant::now();
    loop {
        let problem = match once(document) {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        if begun.elapsed() > REWRITTEN_WITHIN || is_settled(&document.path) {
            return Err(Omission::NotRead { path: document.path.clone(), problem: problem.to_string() });
        }
        park_timeout(PAUSE);
    }
}

fn once(document: &Document) -> io::Result<Option<Value>> {
    let file = match file(&document.path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        // text is copied too, and what cannot be is named there
        Err(error) if document.form == Form::Text && error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
        Err(error) => return Err(error),
    };
    match document.form {
        // read at once, so that whoever rewrites it has the least time for that
        Form::Json(keep) if file.metadata()?.len() <= AT_ONCE => {
            let mut bytes = Vec::new();
            file.take(2 * AT_ONCE).read_to_end(&mut bytes)?;
            object(json::read(&bytes[..], keep))
        }
        Form::Json(keep) => object(json::read(BufReader::with_capacity(256 * 1024, file), keep)),
        Form::Text => {
            let mut text = Vec::new();
            file.take(LONGEST).read_to_end(&mut text)?;
            Ok(Some(Value::String(String::from_utf8_lossy(&text).into_owned())))
        }
    }
}

/// The agent writes objects only: of anything else nothing can be taken.
fn object(read: Result<Value, serde_json::Error>) -> io::Result<Option<Value>> {
    let value = read.map_err(io::Error::other)?;
    if value.is_object() { Ok(Some(value)) } else { Err(io::Error::other("it is not a JSON object")) }
}

/// A regular file of the host (through the person's own links), `None` if there is none.
pub(super) fn file(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(found) => {
            let file = File::from(found);
            if file.metadata()?.is_file() {
                Ok(Some(file))
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"))
            }
        }
        Err(rustix::io::Errno::NOENT) if path.is_symlink() => Err(io::Error::other("a link to nothing")),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether there is nothing at a path.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether nobody writes a file: a link to nothing stays one.
fn is_settled(path: &Path) -> bool {
    let changed = path.metadata().and_then(|meta| meta.modified());
    changed.map_or(true, |changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED))
}
