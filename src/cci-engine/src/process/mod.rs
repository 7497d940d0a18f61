//! Commands in a container: started, connected to a terminal or pipes, and how they exit.

pub mod container_exec;
pub mod exec;
pub mod outcome;
pub mod probe;
pub mod run;
mod signals;
mod size_report;
pub mod stream;
#[cfg(test)]
mod tests;
