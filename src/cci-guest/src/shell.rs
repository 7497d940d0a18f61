//! Quoting and command lines for a POSIX shell.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

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

/// The command of these words as text, because Incus accepts nothing else: if a word is not UTF-8, a shell decodes them.
///
/// ```
/// use cci_guest::shell::words;
///
/// assert_eq!(words(&["ls".into(), "caf\u{e9}".into()]), ["ls", "caf\u{e9}"]);
/// ```
#[must_use]
pub fn words(words: &[OsString]) -> Vec<String> {
    let text: Option<Vec<String>> = words.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    text.unwrap_or_else(|| command(DECODE_WORDS, words.iter().map(|word| escaped(word.as_bytes()))))
}

/// Replaces the shell by the command whose words are [`escaped`]; the dot protects newlines at the end of a word.
const DECODE_WORDS: &str = r#"for w do shift; w=$(printf '%b.' "$w"); set -- "$@" "${w%.}"; done; unset w; exec "$@""#;

/// Bytes in the syntax of `printf %b`.
fn escaped(bytes: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b'\\' => r"\\".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\0{byte:03o}"),
    };
    bytes.iter().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn printed(words: &[OsString]) -> Vec<u8> {
        let argv = super::words(words);
        Command::new(&argv[0]).args(&argv[1..]).output().unwrap().stdout
    }

    #[test]
    fn a_word_that_is_not_utf8_arrives_byte_for_byte() {
        let word = OsString::from_vec(b"caf\xe9".to_vec());
        assert_eq!(printed(&["printf".into(), "%s".into(), word]), b"caf\xe9");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn words_of_any_bytes_arrive_as_they_are(
            all in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..20), 0..4)
        ) {
            let mut argv: Vec<OsString> =
                vec!["printf".into(), "%s\\0".into(), OsString::from_vec(vec![0xff, b'\n'])];
            argv.extend(all.iter().cloned().map(OsString::from_vec));
            let mut expected = b"\xff\n\0".to_vec();
            expected.extend(all.iter().flat_map(|word| word.iter().copied().chain([0])));
            prop_assert_eq!(printed(&argv), expected);
        }

        #[test]
        fn a_shell_reads_a_quoted_text_as_one_word(text in "[^\\x00]{0,40}", beside in "[^\\x00]{0,10}") {
            let script = format!("printf '%s\\0' {} \"$1\"", quoted(&text));
            let argv = command(&script, [&beside]);
            let printed = Command::new(&argv[0]).args(&argv[1..]).output().unwrap().stdout;
            prop_assert_eq!(printed, format!("{text}\0{beside}\0").into_bytes());
        }
    }
}
