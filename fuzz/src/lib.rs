//! What reads bytes that cci did not write, as functions that take any bytes and must not panic.

pub mod targets;

// the program is no library: the rooms of it that read foreign bytes are compiled in here
#[expect(dead_code, reason = "not all of the program is tried")]
#[path = "../../src/cci/host/mod.rs"]
mod host;
#[expect(dead_code, unused_imports, reason = "not all of the program is tried")]
#[path = "../../src/cci/settings/mod.rs"]
mod settings;
#[expect(dead_code, reason = "not all of the program is tried")]
#[path = "../../src/cci/store/mod.rs"]
mod store;
