//! The completions that cci offers a shell.

use super::host::{Host, run};

/// The words offered for the last of these, which the cursor is behind; anything on stderr is a failure.
#[track_caller]
pub fn offered(host: &Host, words: &[&str]) -> Vec<String> {
    let mut command = host.cci_command(&[&["--", "cci"], words].concat());
    command.env("CCI_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string()).env("_CLAP_IFS", "\n");
    let out = run(command, b"").ok();
    assert_eq!(out.stderr, "", "{words:?}");
    out.stdout.lines().map(str::to_owned).collect()
}
