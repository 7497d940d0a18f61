//! cci
fn main() {}
