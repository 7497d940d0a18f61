//! Quoting and command lines for a POSIX shell.

/// Quotes a text as one shell word. A text with NUL in it cannot be quoted.
///
/// ```
/// use cci_guest::shell::quoted;
///
/// assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
/// ```
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The command that runs `script` in a shell, with `args` as `$1` and so on.
///
/// ```
/// use cci_guest::shell::command;
///
/// assert_eq!(command("cat -- \"$1\"", ["a b"]), ["sh", "-c", "cat -- \"$1\"", "cci", "a b"]);
/// ```
#[must_use]
pub fn command<A: AsRef<str>>(script: &str, args: impl IntoIterator<Item = A>) -> Vec<String> {
    let shell = ["sh", "-c", script, "cci"].map(str::to_owned).into_iter();
    shell.chain(args.into_iter().map(|arg| arg.as_ref().to_owned())).collect()
}

/// The command that runs `script` under a name, with stdout and stderr as one stream: a log then has the lines in the
/// order in which they were written.
#[must_use]
pub fn script_with_one_output(name: &str, script: &str) -> Vec<String> {
    ["sh", "-c", &format!("exec 2>&1\n{script}"), name].map(str::to_owned).to_vec()
}

/// The command that becomes `program`, with stdout and stderr as one stream.
#[must_use]
pub fn program_with_one_output(program: &str) -> Vec<String> {
    ["sh", "-c", r#"exec "$0" 2>&1"#, program].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_a_quoted_text_as_one_word(text in "[^\\x00]{0,40}", beside in "[^\\x00]{0,10}") {
            let script = format!("printf '%s\\0' {} \"$1\"", quoted(&text));
            let argv = command(&script, [&beside]);
            let printed = Command::new(&argv[0]).args(&argv[1..]).output().unwrap().stdout;
            prop_assert_eq!(printed, format!("{text}\0{beside}\0").into_bytes());
        }
    }
}
