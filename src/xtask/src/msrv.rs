//! Whether the oldest supported Rust compiles everything.

use std::process::Command;

use crate::step::{Result, root, run, succeeds};

/// The `rust-version` of every member of the workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

pub(crate) fn check() -> Result<()> {
    let with = |args: &[&str]| {
        let mut cargo = Command::new("rustup");
        // `cargo xtask` has chosen a toolchain and a cargo already
        cargo.args(["run", OLDEST, "cargo"]).args(args).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        cargo.current_dir(root());
        cargo
    };
    if !succeeds(&mut with(&["--version"])) {
        return Err(format!("Rust {OLDEST} is not installed: rustup toolchain install {OLDEST} --profile minimal"));
    }
    // a directory of its own, or the two compilers would rebuild everything in turn
    run(&mut with(&["check", "--workspace", "--all-targets", "--locked", "--target-dir", "target/msrv"]))?;
    println!("Rust {OLDEST} compiles everything");
    Ok(())
}
