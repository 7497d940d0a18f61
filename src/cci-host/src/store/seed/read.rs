//! Reads the files of the host that a session's configuration is derived from, also while the host rewrites them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread::park_timeout;
use std::time::{Duration, Instant, SystemTime};

use cci_agent::{Document, Form, Omission, json};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;

/// How long cci retries a file that has just been modified and cannot be parsed.
const REWRITTEN_WITHIN: Duration = Duration::from_secs(1);
/// How many attempts a file gets at least, within this limit: on a busy machine they take longer.
const READINGS: usize = 50;
const AT_MOST: Duration = Duration::from_secs(3);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(2);
/// A file that was last modified longer ago is not being written now.
const SETTLED: Duration = Duration::from_secs(2);
/// A file that is no larger is read into memory at once.
const AT_ONCE: u64 = 16 * 1024 * 1024;

/// Why a document is not read.
enum Problem {
    /// It cannot be understood, perhaps only now.
    Torn(String),
    /// Anything else.
    Other(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Torn(error.to_string())
    }
}

/// What there is of a document, `None` where there is none.
pub(super) fn document(document: &Document) -> Result<Option<Value>, Omission> {
    let begun = Instant::now();
    let mut readings = 0;
    loop {
        readings += 1;
        let limit = if readings < READINGS { AT_MOST } else { REWRITTEN_WITHIN };
        let is_over = || begun.elapsed() > limit || is_settled(&document.path);
        let problem = match once(document) {
            Ok(found) => return Ok(found),
            Err(Problem::Torn(_)) if !is_over() => {
                park_timeout(PAUSE);
                continue;
            }
            Err(Problem::Torn(problem) | Problem::Other(problem)) => problem,
        };
        return Err(Omission::NotRead { path: document.path.clone(), problem });
    }
}

fn once(document: &Document) -> Result<Option<Value>, Problem> {
    let file = match (file(&document.path), document.form) {
        (Ok(Some(file)), _) => file,
        // it is copied too, and told then
        (Ok(None), _) | (Err(_), Form::Text) => return Ok(None),
        (Err(problem), Form::Json(_)) => return Err(problem),
    };
    let value = match document.form {
        // read at once, so that whoever rewrites it has the least time for that
        Form::Json(keep) if file.metadata()?.len() <= AT_ONCE => {
            let before = state(&file)?;
            let mut bytes = Vec::new();
            (&file).take(2 * AT_ONCE).read_to_end(&mut bytes)?;
            // half a file is not worth a look at what is in it
            if state(&file)? != before && !bytes.trim_ascii_end().ends_with(b"}") {
                return Err(Problem::Torn("it is rewritten all the time".into()));
            }
            json::read(&bytes[..], keep)?
        }
        Form::Json(keep) => json::read(BufReader::with_capacity(256 * 1024, file), keep)?,
        Form::Text => {
            let mut text = Vec::new();
            if file.take(AT_ONCE + 1).read_to_end(&mut text)? as u64 > AT_ONCE {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
            }
            return Ok(Some(Value::String(String::from_utf8_lossy(&text).into_owned())));
        }
    };
    if value.is_object() { Ok(Some(value)) } else { Err(Problem::Other("it is no JSON object".into())) }
}

/// A file of the host (through the person's own links), `None` if there is none.
fn file(path: &Path) -> Result<Option<File>, Problem> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(found) => {
            let file = File::from(found);
            if file.metadata()?.is_file() { Ok(Some(file)) } else { Err(Problem::Other("it is not a file".into())) }
        }
        Err(rustix::io::Errno::NOENT) if path.is_symlink() => Err(Problem::Other("it is a link to nothing".into())),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        // sockets cannot be opened
        Err(rustix::io::Errno::NXIO) => Err(Problem::Other("it is not a file".into())),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// What is another once somebody has written to a file.
fn state(file: &File) -> io::Result<(u64, i64, i64)> {
    let meta = file.metadata()?;
    Ok((meta.len(), meta.mtime(), meta.mtime_nsec()))
}

fn is_settled(path: &Path) -> bool {
    let changed = path.metadata().and_then(|meta| meta.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED))
}
