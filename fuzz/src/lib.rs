//! What reads bytes that cci did not write, as functions that take any bytes and must not panic.

pub mod targets;

mod host;
// the configuration is read by the program, which is no library: its files are compiled in here
#[expect(dead_code, unused_imports, reason = "of the program only the reading of configuration is tried")]
#[path = "../../src/cci/settings/mod.rs"]
mod settings;
mod store;
