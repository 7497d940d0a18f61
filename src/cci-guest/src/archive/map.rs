//! The map of a sparse file: where its content is. It starts in the header and continues in blocks after it.

use super::BLOCK;
use super::field::{number, put, value};

/// A piece of a file's content: its offset and its length.
pub type Piece = (u64, u64);

/// The bytes of a piece.
const PIECE: usize = 24;
/// Where the map is in a header, and how many pieces it has there.
const IN_HEADER: (usize, usize) = (386, 4);
/// Where a header says that the map continues, and the file's size with its holes.
const CONTINUES: usize = 482;
const REAL_SIZE: std::ops::Range<usize> = 483..495;
/// How many pieces a further block has; after them it says whether another follows.
const IN_BLOCK: usize = 21;

/// A sparse file's data in a header.
#[derive(Debug, Default)]
pub(super) struct InHeader {
    pub(super) real_size: u64,
    pub(super) pieces: Vec<Piece>,
    pub(super) continues: bool,
}

/// Writes the size and the first pieces into a header; the blocks with the other pieces are returned.
pub(super) fn encode(header: &mut [u8; BLOCK], real_size: u64, map: &[Piece]) -> Vec<u8> {
    let (at, most) = IN_HEADER;
    let (first, rest) = map.split_at(map.len().min(most));
    put_pieces(header, at, first);
    put(header, CONTINUES, &[u8::from(!rest.is_empty())]);
    put(header, REAL_SIZE.start, &number(real_size, REAL_SIZE.len()));
    let mut blocks = Vec::new();
    let mut rest = rest.chunks(IN_BLOCK).peekable();
    while let Some(pieces) = rest.next() {
        let mut block = [0; BLOCK];
        put_pieces(&mut block, 0, pieces);
        put(&mut block, PIECE * IN_BLOCK, &[u8::from(rest.peek().is_some())]);
        blocks.extend(block);
    }
    blocks
}

/// Reads a sparse file's data from a header.
pub(super) fn decode(header: &[u8; BLOCK]) -> Option<InHeader> {
    let (at, most) = IN_HEADER;
    Some(InHeader {
        real_size: value(header.get(REAL_SIZE)?)?,
        pieces: pieces(header.get(at..at + most * PIECE)?)?,
        continues: header[CONTINUES] != 0,
    })
}

/// Reads a further block: its pieces, and whether another block follows.
pub(super) fn decode_block(block: &[u8; BLOCK]) -> Option<(Vec<Piece>, bool)> {
    Some((pieces(block.get(..PIECE * IN_BLOCK)?)?, block[PIECE * IN_BLOCK] != 0))
}

fn put_pieces(block: &mut [u8; BLOCK], at: usize, pieces: &[Piece]) {
    for (n, (offset, length)) in pieces.iter().enumerate() {
        put(block, at + n * PIECE, &number(*offset, 12));
        put(block, at + n * PIECE + 12, &number(*length, 12));
    }
}

fn pieces(bytes: &[u8]) -> Option<Vec<Piece>> {
    let used = bytes.chunks_exact(PIECE).take_while(|piece| piece[0] != 0);
    used.map(|piece| Some((value(piece.get(..12)?)?, value(piece.get(12..)?)?))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_map_of_any_length_is_read_as_it_was_written(
            map in prop::collection::vec(any::<Piece>(), 0..100),
            real_size in any::<u64>(),
        ) {
            let mut header = [0; BLOCK];
            let blocks = encode(&mut header, real_size, &map);
            let InHeader { real_size: size, mut pieces, mut continues } = decode(&header).unwrap();
            prop_assert_eq!(size, real_size);
            for block in blocks.chunks(BLOCK) {
                prop_assert!(continues);
                let (more, another) = decode_block(block.try_into().unwrap()).unwrap();
                pieces.extend(more);
                continues = another;
            }
            prop_assert!(!continues);
            prop_assert_eq!(pieces, map);
        }

        #[test]
        fn no_block_is_too_strange(bytes in prop::collection::vec(any::<u8>(), BLOCK..=BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().unwrap();
            let _ = (decode(&block), decode_block(&block));
        }
    }
}
