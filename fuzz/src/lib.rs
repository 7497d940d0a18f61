//! What reads bytes that cci did not write, as functions that take any bytes and must not panic.

pub use cci::fuzzing as targets;
