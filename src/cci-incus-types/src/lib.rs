//! The types of the Incus REST API: devices, why it refuses, what an operation does.
//!
//! There is no I/O here, so that pure code can use these types without a client.

pub mod device;
mod operation;
mod refusal;
pub mod start_log;

pub use device::{Device, Devices, Disk, Nic};
pub use operation::OperationKind;
pub use refusal::Refusal;
