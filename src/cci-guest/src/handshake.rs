//! A command that begins only when it gets an answer, which contains its environment.
//!
//! Incus can give up a command that is already running, and it must not run twice; and a program that takes over a
//! terminal can discard output that was not read yet. So a shell prints [`READY`] and waits. The answer is the part of
//! the environment that may be secret: Incus puts the environment of an exec request into the arguments of a process,
//! where everybody on the host can read it.

use std::collections::BTreeMap;

use crate::become_command::BECOME;
use crate::exit::GuestExit;
use crate::shell::{self, quoted};

/// What the shell prints when it waits for its answer.
pub const READY: u8 = b'.';

/// Gives a shell the newline character, which cannot be part of a line.
const LINE_END: &str = "_cci_n=$(printf '\\nx'); _cci_n=${_cci_n%x}\n";

/// What a shell does with the command that it gets as `"$@"`.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// Lines before the command may begin.
    pub before: &'a str,
    /// Lines that run it.
    pub run: &'a str,
}

impl<'a> Script<'a> {
    /// Replaces the shell by the command after these lines.
    #[must_use]
    pub fn before(before: &'a str) -> Self {
        Self { before, run: BECOME }
    }
}

/// A command inside a shell that waits for its answer.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use cci_guest::handshake::{Handshake, Script};
///
/// let secret = BTreeMap::from([("TOKEN".to_owned(), "it's".to_owned())]);
/// let handshake = Handshake::new(Script::before(""), &["env".to_owned()], &secret, false);
/// assert_eq!(handshake.command[0], "sh");
/// assert_eq!(handshake.answer, "export TOKEN='it'\\''s'\n\n");
/// ```
#[derive(Debug)]
pub struct Handshake {
    /// What is executed.
    pub command: Vec<String>,
    /// The shell's input after it has printed [`READY`].
    pub answer: String,
    /// Whether a terminal shows the answer, which then is an empty line.
    pub is_echoed: bool,
}

impl Handshake {
    /// Puts a command inside a script; `terminal` says whether it has one.
    #[must_use]
    pub fn new(script: Script<'_>, command: &[String], secret: &BTreeMap<String, String>, terminal: bool) -> Self {
        // without a secret the terminal's mode need not change, which would take a moment
        let is_echoed = terminal && secret.is_empty();
        let begin = if is_echoed { wait_for_line() } else { take_environment() };
        let script = format!("{}{begin}{}", script.before, script.run);
        Self { command: shell::command(&script, command), answer: exports(secret), is_echoed }
    }
}

/// Shell lines that print [`READY`] and wait for an empty line.
fn wait_for_line() -> String {
    format!("printf .; read -r _cci_v || exit {}; ", GuestExit::NoEnvironment)
}

/// Shell lines that print [`READY`], read what [`exports`] returns, and run it; without a complete answer the shell
/// exits with [`GuestExit::NoEnvironment`].
///
/// A terminal neither echoes the environment nor changes a byte of it.
fn take_environment() -> String {
    let exit = GuestExit::NoEnvironment;
    format!(
        "[ ! -t 0 ] || {{ _cci_t=$(stty -g) && stty raw -echo; }} || exit {exit}; printf .; \
         while IFS= read -r _cci_v || exit {exit}; do [ \"$_cci_v\" ] || break; eval \"$_cci_v\"; done; \
         [ ! -t 0 ] || command -p stty \"$_cci_t\"; "
    )
}

/// One shell line for each variable, then an empty one.
fn exports(environment: &BTreeMap<String, String>) -> String {
    let export = |(name, value): (&String, &String)| {
        let word = quoted(value).replace('\n', r#"'"$_cci_n"'"#);
        format!("export {name}={word}\n")
    };
    let line_end = environment.values().any(|value| value.contains('\n')).then(|| LINE_END.to_owned());
    line_end.into_iter().chain(environment.iter().map(export)).chain(["\n".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// The environment of a command, and its stdin after it.
    fn handed(environment: &BTreeMap<String, String>, rest: &[u8]) -> (i32, Vec<u8>) {
        let command = ["sh", "-c", "env -0; printf '\\0'; cat"].map(str::to_owned);
        let Handshake { command, answer, .. } = Handshake::new(Script::before(""), &command, environment, false);
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answer.as_bytes()).unwrap();
        stdin.write_all(rest).unwrap();
        drop(stdin);
        let done = child.wait_with_output().unwrap();
        (done.status.code().unwrap(), done.stdout)
    }

    fn contains(all: &[u8], part: &[u8]) -> bool {
        all.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn an_answer_that_is_cut_off_runs_nothing() {
        for terminal in [false, true] {
            let command = ["echo", "ran"].map(str::to_owned);
            let argv = Handshake::new(Script::before(""), &command, &BTreeMap::new(), terminal).command;
            let cut = Command::new(&argv[0]).args(&argv[1..]).stdin(Stdio::null()).output().unwrap();
            assert_eq!(GuestExit::from(cut.status.code().unwrap()), GuestExit::NoEnvironment);
            assert_eq!(cut.stdout, [READY]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_value_arrives_as_it_is_and_so_does_what_follows(
            values in proptest::collection::btree_map("[A-Z_][A-Z0-9_]{3,8}", "[^\\x00]{0,40}", 0..4),
            rest in "\\PC{0,20}\n?",
        ) {
            let (status, out) = handed(&values, rest.as_bytes());
            prop_assert_eq!(status, 0);
            prop_assert_eq!(out[0], READY);
            for (name, value) in &values {
                let entry = format!("{name}={value}\0");
                prop_assert!(contains(&out, entry.as_bytes()), "{:?} is not in {:?}", entry, String::from_utf8_lossy(&out));
            }
            let end = ["\0", &rest].concat();
            prop_assert!(out.ends_with(end.as_bytes()));
        }
    }
}
