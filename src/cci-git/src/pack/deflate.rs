//! Compression: the fastest there is, and none where a look at the beginning shows that it would not help.

use gix_zlib::stream::deflate::{Compress, FlushCompress};
use gix_zlib::{Compression, Status};

/// How much of an object is tried first.
const PROBE: usize = 4096;

/// Whether to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Squeeze {
    /// If the beginning gets smaller.
    Try,
    /// No: the bytes are compressed already.
    Never,
}

/// One thread's compressor.
pub(crate) struct Deflate {
    fast: Compress,
    stored: Compress,
    probe: Vec<u8>,
}

impl Deflate {
    pub(crate) fn new() -> Self {
        Self {
            fast: Compress::new(Compression::BEST_SPEED),
            stored: Compress::new(Compression::NONE),
            probe: Vec::new(),
        }
    }

    /// The compressor that suits bytes which begin with `start`, as new.
    pub(crate) fn choose(&mut self, start: &[u8], squeeze: Squeeze) -> &mut Compress {
        if squeeze == Squeeze::Try && self.shrinks(start) {
            self.fast.reset();
            &mut self.fast
        } else {
            self.stored.reset();
            &mut self.stored
        }
    }

    /// Appends all of `bytes` to `out` as one stream.
    pub(crate) fn append(&mut self, bytes: &[u8], squeeze: Squeeze, out: &mut Vec<u8>) {
        feed(self.choose(bytes, squeeze), bytes, FlushCompress::Finish, out);
    }

    /// Whether the beginning gets smaller by a twentieth; what is short is not worth the question.
    fn shrinks(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() < 2 * PROBE {
            return true;
        }
        self.fast.reset();
        self.probe.clear();
        feed(&mut self.fast, &bytes[..PROBE], FlushCompress::Finish, &mut self.probe);
        self.probe.len() < PROBE - PROBE / 20
    }
}

/// Appends to `out` what `compress` makes of `input`, and with [`FlushCompress::Finish`] the end of its stream.
pub(crate) fn feed(compress: &mut Compress, mut input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
    let mut filled = out.len();
    loop {
        out.resize(filled + input.len() + input.len() / 512 + 128, 0);
        let (taken, made) = (compress.total_in(), compress.total_out());
        let status = compress.compress(input, &mut out[filled..], flush);
        input = &input[usize::try_from(compress.total_in() - taken).unwrap_or_default()..];
        filled += usize::try_from(compress.total_out() - made).unwrap_or_default();
        let more = match status {
            Ok(Status::StreamEnd) | Err(_) => false,
            Ok(_) => flush == FlushCompress::Finish || !input.is_empty(),
        };
        if !more {
            out.truncate(filled);
            return;
        }
    }
}
