//! What a command made and has not kept yet: noted before it is made, rolled back when the command fails.

pub mod take_back;
pub mod undo;
