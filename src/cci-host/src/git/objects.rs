//! Whether a repository has an object: looked for among its files, of which nothing is believed but the name.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::files;
use crate::store::exact_dir::names;

/// What an index of a pack begins with: its mark, and version 2.
const HEAD: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
/// How many objects begin with each byte or a smaller one, four bytes each.
const FANOUT: u64 = HEAD.len() as u64;
const IDS: u64 = FANOUT + 256 * 4;

/// Whether the object with these digits is in the repository itself, loose or packed.
pub(super) fn has(repository: &impl AsFd, digits: &str) -> bool {
    let Some(id) = bytes(digits) else { return false };
    let loose = Path::new("objects").join(&digits[..2]).join(&digits[2..]);
    files::open(repository, &loose).is_ok_and(|found| found.is_some()) || is_packed(repository, &id).unwrap_or(false)
}

fn is_packed(repository: &impl AsFd, id: &[u8]) -> io::Result<bool> {
    let packs = files::below(repository, Path::new("objects/pack"))?;
    for name in names(&packs)? {
        let name = Path::new(&name);
        if name.extension().is_some_and(|extension| extension == "idx")
            && let Some(index) = files::open(&packs, name)?
            && lists(&index, id).unwrap_or(false)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an index lists the object: its ids are in order.
fn lists(index: &File, id: &[u8]) -> io::Result<bool> {
    let mut head = [0; HEAD.len()];
    index.read_exact_at(&mut head, 0)?;
    if head != HEAD {
        return Ok(false);
    }
    let up_to = |byte: u64| -> io::Result<u64> {
        let mut count = [0; 4];
        index.read_exact_at(&mut count, FANOUT + 4 * byte)?;
        Ok(u32::from_be_bytes(count).into())
    };
    let first = u64::from(id[0]);
    let (mut low, mut high) = (if first == 0 { 0 } else { up_to(first - 1)? }, up_to(first)?);
    let mut here = vec![0; id.len()];
    while low < high {
        let middle = low + (high - low) / 2;
        index.read_exact_at(&mut here, IDS + middle * id.len() as u64)?;
        match here.as_slice().cmp(id) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Ok(true),
        }
    }
    Ok(false)
}

/// The bytes of an id of either hash.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let fits = matches!(digits.len(), 40 | 64) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    if fits { (0..digits.len()).step_by(2).map(byte).collect() } else { None }
}
