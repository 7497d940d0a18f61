//! Reads one configuration file into a layer.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::check::Check;
use super::layer::{Layer, Profile, Source};
use super::problem::Problem;
use crate::caller::Caller;
use crate::way;

/// Larger than any configuration; a project could put anything under this name.
const MAX_BYTES: u64 = 1 << 20;

/// Whether the file exists, readable or not.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Opens a file for reading; a pipe under this name must not block cci.
pub(super) fn opened(path: &Path) -> io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    File::options().read(true).custom_flags(nonblocking).open(path)
}

/// The bytes of a file; `None` if there is none.
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let problem = |text: String| Problem::of_file(path, text);
    let file = match opened(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_there(path) => {
            return Err(problem("it is a link to nothing".into()));
        }
        Err(error) if way::is_missing(&error) => {
            return Ok(None);
        }
        // in a directory that this user may not enter nothing can be configured; whatever needs the directory reports
        // it
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_there(path) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Problem::closed(path));
        }
        Err(error) => return Err(problem(format!("cannot read it: {error}"))),
    };
    let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
    if !is_file {
        return Err(problem("it is not a regular file".into()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| problem(format!("cannot read it: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(problem(format!("it is larger than {} KiB", MAX_BYTES >> 10)));
    }
    Ok(Some(bytes))
}

/// Whether it cannot be known what is at a path, or in a directory.
pub(super) fn is_closed(path: &Path) -> bool {
    let seen = if path.is_dir() { path.read_dir().map(drop) } else { path.symlink_metadata().map(drop) };
    seen.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// A complete configuration file, or all its errors.
pub(super) fn layer(path: &Path, bytes: &[u8], caller: &Caller) -> Result<Layer, Vec<Problem>> {
    let mut layer = Layer::new(Source::File(path.to_owned()));
    let source = layer.source.clone();
    checked(path, source, bytes, caller, |check, table| check.file(table, &mut layer))?;
    Ok(layer)
}

/// A file that is the body of one profile.
pub(super) fn profile(path: &Path, source: Source, bytes: &[u8], caller: &Caller) -> Result<Profile, Vec<Problem>> {
    let mut profile = Profile::new(source.clone());
    checked(path, source, bytes, caller, |check, table| profile = check.profile(table, ""))?;
    Ok(profile)
}

fn checked(
    path: &Path,
    source: Source,
    bytes: &[u8],
    caller: &Caller,
    read: impl FnOnce(&mut Check<'_>, &DeTable<'_>),
) -> Result<(), Vec<Problem>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| vec![Problem::of_file(path, format!("it is not UTF-8: {error}"))])?;
    let mut check = Check { file: path, source, text, caller, problems: Vec::new() };
    let (table, syntax): (Spanned<DeTable<'_>>, _) = DeTable::parse_recoverable(text);
    for error in &syntax {
        check.note(error.span().unwrap_or_default(), error.message().to_owned());
    }
    if syntax.is_empty() {
        read(&mut check, table.get_ref());
    }
    check.problems.sort_by_key(|problem| problem.place);
    if check.problems.is_empty() { Ok(()) } else { Err(check.problems) }
}
