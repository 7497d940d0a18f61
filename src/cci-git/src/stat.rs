//! What git's trees do not tell of a directory: modes, times, and what is not held. `lib.rs` describes the format.

use std::io::Write as _;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::meta::Time;
use crate::not_held::Why;

/// The name in a stat tree under which a directory's records are.
pub(crate) const RECORDS: &[u8] = b"=";
/// What precedes the name of a child directory in a stat tree.
pub(crate) const CHILD: u8 = b'+';
/// The name in the topmost stat tree under which the patterns are that were ignored.
pub(crate) const IGNORED: &[u8] = b"ignored";

/// What is noted of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// Held, with this mode and time of change.
    Held { mode: u32, mtime: Time },
    /// Not held.
    Not(Why),
}

/// One name of a directory; the empty name is the topmost directory itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) note: Note,
}

/// The bytes of these records, which are in the order of their names.
pub(crate) fn encode<'a>(records: impl Iterator<Item = Record<'a>>) -> Vec<u8> {
    let mut out = Vec::new();
    for Record { name, note } in records {
        let written = match note {
            Note::Held { mode, mtime } => write!(out, "{mode:o} {}.{:09} ", mtime.sec, mtime.nsec),
            Note::Not(why) => write!(out, "! {} ", why.word()),
        };
        debug_assert!(written.is_ok(), "memory takes what is written to it");
        out.extend_from_slice(name);
        out.push(0);
    }
    out
}

/// The records in these bytes, which are the object `id`.
pub(crate) fn decode(bytes: &[u8], id: Id) -> Result<Vec<Record<'_>>> {
    let records = bytes.split_inclusive(|byte| *byte == 0);
    let damaged = || Error::Damaged { id, why: "it is no record of modes and times".to_owned() };
    records.map(|record| decode_one(record).ok_or_else(damaged)).collect()
}

/// One record with the zero at its end.
fn decode_one(record: &[u8]) -> Option<Record<'_>> {
    let mut parts = record.strip_suffix(b"\0")?.splitn(3, |byte| *byte == b' ');
    let (first, second, name) = (text(parts.next()?)?, text(parts.next()?)?, parts.next()?);
    let note = if first == "!" {
        Note::Not(Why::from_word(second)?)
    } else {
        let (sec, nsec) = second.split_once('.')?;
        let mtime = Time { sec: sec.parse().ok()?, nsec: nsec.parse().ok()? };
        Note::Held { mode: u32::from_str_radix(first, 8).ok()?, mtime }
    };
    Some(Record { name, note })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
