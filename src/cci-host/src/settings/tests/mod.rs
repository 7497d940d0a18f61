//! The stack as a whole: files on a disk of the test, read like cci reads them.

mod laws;
mod layers;
mod project;
mod world;
