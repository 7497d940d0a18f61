//! The part of the program's room of this name that reading the configuration needs.

#[expect(dead_code, reason = "of the program only the reading of configuration is tried")]
#[path = "../../../src/cci/store/put.rs"]
pub(crate) mod put;
