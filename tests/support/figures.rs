//! Figures of the fault tests: a line each in a file that `tests/run` shows at its end.

use std::io::Write;

/// How much is tried: the short form, or with `tests/run --long` the long one.
pub fn rounds(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
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
