//! What the REST API of Incus speaks of, as types: why it refuses, what an operation does.
//!
//! There is no I/O here, so that code which only decides can name these types without a client.

mod operation;
mod refusal;

pub use operation::OperationKind;
pub use refusal::Refusal;
