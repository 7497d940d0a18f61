//! Fuzzes `question` (see `targets.rs`).
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cci_fuzz::targets::question(bytes));
