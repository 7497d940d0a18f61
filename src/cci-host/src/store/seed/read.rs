//! Reads the files of the host that a session's configuration is derived from, also while the host rewrites them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::thread::park_timeout;
use std::time::{Duration, Instant, SystemTime};

use cci_agent::{Document, Form, Omission, json};
use rustix::fs::{Mode, OFlags};
use serde_json::Value;

/// How long cci retries a file that has just been modified and cannot be parsed.
const REWRITTEN_WITHIN: Duration = Duration::from_millis(400);
/// How many attempts that time is enough for; on a busy machine they take longer.
const TRIES: u32 = 40;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);
/// A file that was last modified longer ago is not being written now.
const SETTLED: Duration = Duration::from_secs(2);
/// A file that is no larger is read into memory at once.
const AT_ONCE: u64 = 16 * 1024 * 1024;

/// The content of a document, `None` if it does not exist.
pub(super) fn document(document: &Document) -> Result<Option<Value>, Omission> {
    let (begun, mut tries) = (Instant::now(), 0);
    loop {
        tries += 1;
        let problem = match once(document) {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        let limit = if tries < TRIES { SETTLED } else { REWRITTEN_WITHIN };
        if begun.elapsed() > limit || is_settled(&document.path) {
            return Err(Omission::NotRead { path: document.path.clone(), problem: problem.to_string() });
        }
        park_timeout(PAUSE);
    }
}

fn once(document: &Document) -> io::Result<Option<Value>> {
    let Some(file) = file(&document.path)? else { return Ok(None) };
    match document.form {
        // the shorter the reading, the less likely it is rewritten meanwhile
        Form::Json(keep) if file.metadata()?.len() <= AT_ONCE => {
            let mut bytes = Vec::new();
            file.take(2 * AT_ONCE).read_to_end(&mut bytes)?;
            json::read(&bytes[..], keep).map(Some).map_err(io::Error::other)
        }
        Form::Json(keep) => {
            json::read(BufReader::with_capacity(256 * 1024, file), keep).map(Some).map_err(io::Error::other)
        }
        Form::Text => {
            let mut text = Vec::new();
            if file.take(AT_ONCE + 1).read_to_end(&mut text)? as u64 > AT_ONCE {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(Some(Value::String(String::from_utf8_lossy(&text).into_owned())))
        }
    }
}

/// A regular file of the host (through the user's own links), `None` if there is none.
pub(super) fn file(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(found) => {
            let file = File::from(found);
            Ok(file.metadata()?.is_file().then_some(file))
        }
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_settled(path: &Path) -> bool {
    let changed = path.metadata().and_then(|meta| meta.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED))
}
