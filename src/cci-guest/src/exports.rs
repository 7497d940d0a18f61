//! Hands a command its environment as lines on its stdin, because Incus writes the environment of an exec request into the
//! arguments of a process of its own, where everybody on the host can read it.

use std::collections::BTreeMap;

use crate::shell::quoted;

/// Lines of a shell that print the byte `.`, read what [`lines`] makes, and export it; without a full answer the shell
/// ends with status 125.
///
/// A terminal neither shows what is handed over nor changes a byte of it.
pub const READ: &str = concat!(
    "[ ! -t 0 ] || { _cci_t=$(stty -g) && stty raw -echo; } || exit 125; printf .; ",
    r#"while IFS= read -r _cci_v || exit 125; do [ "$_cci_v" ] || break; eval "$_cci_v"; done; "#,
    r#"[ ! -t 0 ] || command -p stty "$_cci_t"; "#,
);

/// Gives a shell the line end, which cannot stand in a line.
const LINE_END: &str = "_cci_n=$(printf '\\nx'); _cci_n=${_cci_n%x}\n";

/// One line of a shell for each variable, then an empty one.
#[must_use]
pub fn lines(environment: &BTreeMap<String, String>) -> String {
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

    /// What a command finds in its environment, and on its stdin behind it.
    fn handed(environment: &BTreeMap<String, String>, rest: &[u8]) -> (i32, Vec<u8>) {
        let script = format!("{READ}exec \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &script, "cci", "sh", "-c", "env -0; printf '\\0'; cat"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(lines(environment).as_bytes()).unwrap();
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
        let script = format!("{READ}exec \"$@\"");
        let cut = Command::new("sh").args(["-c", &script, "cci", "echo", "ran"]).stdin(Stdio::null()).output().unwrap();
        assert_eq!((cut.status.code(), cut.stdout.as_slice()), (Some(125), &b"."[..]));
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
            prop_assert_eq!(out[0], b'.');
            for (name, value) in &values {
                let entry = format!("{name}={value}\0");
                prop_assert!(contains(&out, entry.as_bytes()), "{:?} is not in {:?}", entry, String::from_utf8_lossy(&out));
            }
            let end = ["\0", &rest].concat();
            prop_assert!(out.ends_with(end.as_bytes()));
        }
    }
}
