//! The corpus and bytes made from it, on a stable compiler: for machines without a fuzzer.

use std::path::Path;

/// So many variants of each file.
const VARIANTS: u64 = 400;

#[test]
fn no_target_panics_on_its_corpus_or_anything_near_it() {
    for (name, target) in cci_fuzz::targets::ALL {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files: Vec<_> = std::fs::read_dir(&dir).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            target(&bytes);
            for seed in 1..=VARIANTS {
                target(&variant(&bytes, seed));
            }
        }
    }
}

/// The same bytes with a few of them changed, removed or doubled.
fn variant(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = |below: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % below.max(1)
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=random(4) {
        let at = random(bytes.len());
        match random(4) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(random(256)).unwrap(),
            1 => bytes.truncate(at),
            2 => bytes.insert(at.min(bytes.len()), u8::try_from(random(256)).unwrap()),
            _ => bytes.extend_from_within(at.min(bytes.len())..),
        }
    }
    bytes
}
