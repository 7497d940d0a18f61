//! The stack as a whole: files on a disk of the test's own, read as a run of cci reads them.

mod laws;
mod layers;
mod project;
mod world;
