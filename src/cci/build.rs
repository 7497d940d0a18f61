//! Tells the program which commit it was built from, when it is built in a git checkout.

use std::path::Path;
use std::process::Command;

fn main() {
    // HEAD and its log move with every commit and checkout; the index would with every `git status` too
    let moved = ["HEAD", "logs/HEAD"].into_iter().filter_map(|file| git(&["rev-parse", "--git-path", file]));
    let sources = ["src", "Cargo.toml", "Cargo.lock"].map(str::to_owned);
    // a path that does not exist would mean "changed" each time
    for path in moved.chain(sources).filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-env=CCI_VERSION={}{}", env!("CARGO_PKG_VERSION"), checkout().unwrap_or_default());
}

/// `-N-gHASH` and `-dirty`: the number of commits, the newest one, and whether the tree differs from it.
fn checkout() -> Option<String> {
    let count = git(&["rev-list", "--count", "HEAD"])?;
    let hash = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let dirty = if changed.is_empty() { "" } else { "-dirty" };
    Some(format!("-{count}-g{hash}{dirty}"))
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .args(args)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
