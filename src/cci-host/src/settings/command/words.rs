//! The words of a command line, as a shell would split it, and of the words that are command lines themselves.

/// How deeply command lines may be nested, as in `sh -c '…'`.
const MAX_DEPTH: u8 = 8;
/// What ends an unquoted word.
const BETWEEN: &str = " \t\n;|&()<>`";

/// Every word of a line, and those of each word that is a line itself. `value` returns a variable's value.
pub(super) fn words(line: &str, value: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    collect(line, value, MAX_DEPTH, &mut found);
    found
}

fn collect(line: &str, value: &dyn Fn(&str) -> Option<String>, depth: u8, found: &mut Vec<String>) {
    for word in split(line, value) {
        let is_line = word != line && word.contains(|c| BETWEEN.contains(c) || "'\"\\".contains(c));
        if is_line && depth > 0 {
            collect(&word, value, depth - 1, found);
        }
        found.push(word);
    }
}

/// One reading of a line: quotes are removed and variables are replaced.
fn split(line: &str, value: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut open) = (String::new(), None, 0_u32);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(begun), c) if c == begun => quote = None,
            (None | Some('"'), '}') if open > 0 => open -= 1,
            (None | Some('"'), '\\') => word.extend(rest.next().filter(|c| *c != '\n')),
            (None | Some('"'), '$') => {
                let braced = rest.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                match value(&name) {
                    Some(value) => word.push_str(&value),
                    None if name.is_empty() => word.push('$'),
                    None => {}
                }
                // a default value, as in `${X:-/path}`, is a word too
                if braced && rest.next_if_eq(&'}').is_none() {
                    words.push(std::mem::take(&mut word));
                    open += 1;
                    while rest.next_if(|c| ":-=+?#%".contains(*c)).is_some() {}
                }
            }
            (None, c) if BETWEEN.contains(c) => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        words(line, &|name| (name == "HOME").then(|| "/home/u".to_owned()))
    }

    #[test]
    fn a_line_is_split_as_a_shell_does() {
        assert_eq!(of("pass show  token|head -n1"), ["pass", "show", "token", "head", "-n1"]);
        assert_eq!(of(r#"cat "$HOME/a b" '$HOME' ${HOME}/c \$x"#)[3..], ["/home/u/a b", "$HOME", "/home/u/c", "$x"]);
        assert_eq!(of("./a;./b&&(./c)>d"), ["./a", "./b", "./c", "d"]);
        assert_eq!(of("a$(./b)`./c`"), ["a$", "./b", "./c"]);
        assert_eq!(of("s'h' \"-c\""), ["sh", "-c"]);
    }

    #[test]
    fn a_word_that_is_a_line_is_split_in_turn() {
        assert_eq!(of("sh -c 'cd x && ./evil'"), ["sh", "-c", "cd", "x", "./evil", "cd x && ./evil"]);
        assert!(of(r#"sh -c "sh -c './evil \"x\"'""#).contains(&"./evil".to_owned()));
        assert!(of(r#"printf "$(./evil)""#).contains(&"./evil".to_owned()));
        assert!(of("${X:-/proj}/evil").contains(&"/proj/evil".to_owned()));
        assert!(of("'").is_empty() && of("\\").is_empty() && of("$").len() == 1);
    }
}
