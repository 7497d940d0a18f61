//! `setup` and `doctor`: examine the machine, and for `setup` carry out the steps that fix it.
//!
//! This and `build` from a bootstrap are the only places where cci runs programs of the host.

mod act;
mod look;
mod measure;
mod objects;
mod tables;

pub use act::act;
pub use look::look;
pub use measure::measure;
