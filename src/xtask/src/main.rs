//! What developers of cci run: `cargo xtask VERB`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks to its terminal directly")]

#[cfg(test)]
mod documents;
mod fast;
mod laws;
mod msrv;
mod reference;
mod release;
mod step;

use std::process::ExitCode;

const USAGE: &str = "Usage: cargo xtask VERB

  fast           check format and lints, run the unit and CLI tests: needs no root and no Incus
  laws           check what no compiler checks, by the list src/xtask/breaches.txt
  reference      write the pages in misc that are made from the program
  msrv           check that the oldest supported Rust compiles everything
  release DIR    build this machine's release file into DIR, with SHA256SUMS
  digests DIR    write the digests of the release files in DIR into install.sh";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["fast"] => fast::run_all(),
        ["laws"] => laws::check_checkout(),
        ["reference"] => reference::write(),
        ["msrv"] => msrv::check(),
        ["release", dir] => release::build(dir.as_ref()),
        ["digests", dir] => release::write_digests(dir.as_ref()),
        ["--help" | "-h" | "help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
