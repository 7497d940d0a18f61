//! Figures of the fault tests: a line each in a file that `tests/run` shows at its end.

use std::io::Write;

/// How much is tried: the short form, or with `tests/run --long` the long one.
pub fn rounds(short: usize, long: usize) -> usize {
    if is_long() { long.div_ceil(piece().1) } else { short }
}

/// What is tried of all that could be: in the short form a few that the seed chooses.
pub fn sample<T>(mut all: Vec<T>, short: usize, seed: u64) -> Vec<T> {
    let mut random = Random::new(seed);
    for at in (1..all.len()).rev() {
        all.swap(at, usize::try_from(random.below(at as u64 + 1)).unwrap());
    }
    if is_long() {
        let (first, pieces) = piece();
        return all.into_iter().skip(first).step_by(pieces).collect();
    }
    all.truncate(short);
    all
}

/// Which piece of the long form this is, from 0, and of how many: `CCI_TEST_PIECE=2/5` is the second, and with one seed
/// all of them are the whole.
fn piece() -> (usize, usize) {
    let given = std::env::var("CCI_TEST_PIECE").unwrap_or_else(|_| "1/1".to_owned());
    let (piece, pieces) = given.split_once('/').expect("CCI_TEST_PIECE is not like 2/5");
    (piece.parse::<usize>().unwrap() - 1, pieces.parse().unwrap())
}

/// Whether this is the long form.
pub fn is_long() -> bool {
    std::env::var_os("CCI_TEST_ROUNDS").is_some()
}

/// The number that everything random of this run comes from; a failure is met again with `CCI_TEST_SEED`.
pub fn seed() -> u64 {
    let given = std::env::var("CCI_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() ^ u64::from(now.subsec_nanos())
    })
}

/// Adds one line.
pub fn note(line: &str) {
    let dir = super::host::built_dir().with_file_name("tmp");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("figures.txt");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// Random numbers that the seed repeats (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}
