//! What a machine needs for cci, decided from what was found on it: findings for `doctor`, steps for `setup`.

pub mod distro;
pub mod finding;
pub mod found;
pub mod step;
pub mod subnet;
