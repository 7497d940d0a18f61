//! Files of variables, as `--env-file` reads them: `KEY=VALUE` on each line, the value taken literally.

use crate::environment::is_variable_name;

/// A variable of such a file: a bare name means the host's own value.
pub type Variable = (String, Option<String>);

/// What is wrong in a file. The line may contain a secret, so no error shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

/// Reads a whole file. Empty lines and lines that begin with `#` are ignored.
pub fn parse(bytes: &[u8]) -> Result<Vec<Variable>, Wrong> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    lines
        .filter_map(|(index, line)| variable(line).map_err(|problem| Wrong { line: index + 1, problem }).transpose())
        .collect()
}

fn variable(line: &[u8]) -> Result<Option<Variable>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
    if line.trim_end().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (line.trim_end(), None),
    };
    if !is_variable_name(name) {
        return Err("expected KEY=VALUE, or the name of a variable alone");
    }
    if line.contains('\0') {
        return Err("a value has a NUL");
    }
    Ok(Some((name.to_owned(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_variable_and_its_value_is_literal() {
        let text = "\u{feff}A=1\r\n\n  # a comment\n \t\nB= two words # and this \nC=\nD=a=b\n  E=\"x\"\nHOST\nF=last";
        let found = parse(text.as_bytes()).unwrap();
        let given = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        assert_eq!(
            found,
            [
                given("A", "1"),
                given("B", " two words # and this "),
                given("C", ""),
                given("D", "a=b"),
                given("E", "\"x\""),
                ("HOST".to_owned(), None),
                given("F", "last"),
            ]
        );
    }

    #[test]
    fn an_error_names_the_line_and_does_not_show_it() {
        for (text, line) in [
            (&b"A=1\nsk-ant-secret\n"[..], 2),
            (b"=secret", 1),
            (b"A B=secret", 1),
            (b"1A=secret", 1),
            (b"A=1\n\n\xff", 3),
            (b"A=se\0cret", 1),
            (b"export A=secret", 1),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!(wrong.line, line);
            assert!(!wrong.problem.contains("secret"));
        }
    }
}
