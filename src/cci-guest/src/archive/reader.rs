//! Reads a tar archive as a stream, trusting nothing in size or form.

use std::io::{self, Read};

use super::header::{Header, Kind, decode};
use super::{BLOCK, map, padding, pax};

/// The longest name or record of an entry.
const LONGEST_NAME: u64 = 64 * 1024;
/// How many blocks of a sparse file's map may follow its header.
const MAX_MAP_BLOCKS: usize = 5_000;
/// How many extension headers may precede one entry.
const MAX_EXTENSIONS: usize = 16;

/// An archive that is being read.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    /// What remains of the entry's content, and of the padding after it.
    content: u64,
    padding: u64,
}

impl<R: Read> Reader<R> {
    /// Reads from the start of an archive.
    pub fn new(from: R) -> Self {
        Self { from, content: 0, padding: 0 }
    }

    /// The next entry, with its long names and its map; the rest of the previous one is skipped.
    pub fn next_entry(&mut self) -> io::Result<Option<Header>> {
        let (mut path, mut link, mut size) = (None, None, None);
        for _ in 0..MAX_EXTENSIONS {
            self.skip()?;
            let Some((mut header, map_continues)) = self.header()? else { return Ok(None) };
            match header.kind {
                Kind::LongName => path = Some(self.text(&header)?),
                Kind::LongLink => link = Some(self.text(&header)?),
                Kind::Extended => {
                    let text = self.bytes(&header)?;
                    for (key, value) in pax::records(&text) {
                        match key {
                            b"path" => path = Some(value.to_vec()),
                            b"linkpath" => link = Some(value.to_vec()),
                            b"size" => size = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()),
                            _ => {}
                        }
                    }
                }
                Kind::Global => drop(self.bytes(&header)?),
                _ => {
                    header.path = path.unwrap_or(header.path);
                    header.link = link.unwrap_or(header.link);
                    header.size = size.unwrap_or(header.size);
                    if map_continues {
                        self.read_map(&mut header)?;
                    }
                    let has_content = matches!(header.kind, Kind::File | Kind::Sparse | Kind::Other);
                    self.begin(if has_content { header.size } else { 0 });
                    return Ok(Some(header));
                }
            }
        }
        Err(broken("too many extension headers before one entry"))
    }

    fn begin(&mut self, size: u64) {
        self.content = size;
        self.padding = padding(size).len() as u64;
    }

    fn header(&mut self) -> io::Result<Option<(Header, bool)>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.from.read(&mut block[filled..])? {
                0 if filled == 0 => return Err(broken("it ends too early")),
                0 => return Err(broken("it ends within an entry")),
                read => filled += read,
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        decode(&block).map(Some).ok_or_else(|| broken("it is damaged"))
    }

    fn text(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        let mut text = self.bytes(header)?;
        while text.last() == Some(&0) {
            text.pop();
        }
        Ok(text)
    }

    fn bytes(&mut self, header: &Header) -> io::Result<Vec<u8>> {
        if header.size > LONGEST_NAME {
            return Err(broken("a name in it is too long"));
        }
        self.begin(header.size);
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the blocks of a sparse file's map that follow its header.
    fn read_map(&mut self, header: &mut Header) -> io::Result<()> {
        for _ in 0..MAX_MAP_BLOCKS {
            let mut block = [0; BLOCK];
            self.from.read_exact(&mut block)?;
            let (pieces, continues) = map::decode_block(&block).ok_or_else(|| broken("it is damaged"))?;
            header.map.extend(pieces);
            if !continues {
                return Ok(());
            }
        }
        Err(broken("a file in it has too many holes"))
    }

    fn skip(&mut self) -> io::Result<()> {
        let left = self.content.saturating_add(self.padding);
        (self.content, self.padding) = (0, 0);
        let skipped = io::copy(&mut self.from.by_ref().take(left), &mut io::sink())?;
        if skipped == left { Ok(()) } else { Err(broken("it ends within an entry")) }
    }

    /// Reads to the end of the stream, so that the sender is not cut off after the last entry.
    pub fn drain(&mut self, most: u64) -> io::Result<()> {
        io::copy(&mut self.from.by_ref().take(most), &mut io::sink()).map(drop)
    }
}

impl<R: Read> Read for Reader<R> {
    /// Reads the content of the current entry.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.content == 0 || into.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.content).unwrap_or(usize::MAX).min(into.len());
        let read = self.from.read(&mut into[..most])?;
        if read == 0 {
            return Err(broken("it ends within an entry"));
        }
        self.content -= read as u64;
        Ok(read)
    }
}

fn broken(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the archive from the container cannot be read: {problem}"))
}

#[cfg(test)]
mod tests;
