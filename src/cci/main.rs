//! The program `cci`: everything is in the library next to it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cci::main()
}
