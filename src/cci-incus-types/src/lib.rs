//! What the REST API of Incus speaks of, as types: devices, why it refuses, what an operation does.
//!
//! There is no I/O here, so that code which only decides can name these types without a client.

pub mod device;
mod operation;
mod refusal;
pub mod start_log;

pub use device::{Device, Devices, Disk, Nic};
pub use operation::OperationKind;
pub use refusal::Refusal;
