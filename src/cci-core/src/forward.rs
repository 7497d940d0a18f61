//! Which variables of the caller's environment are forwarded into a session.

use crate::environment::{is_plain, is_variable_name};

/// Whether a text says which variables to forward: a variable's name, or the beginning of names followed by a `*`. All of
/// the environment is never forwarded.
#[must_use]
pub fn is_entry(text: &str) -> bool {
    is_variable_name(text.strip_suffix('*').unwrap_or(text))
}

/// What becomes of the caller's variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwarded<'a> {
    /// The names of those that are forwarded.
    pub names: Vec<&'a str>,
    /// Those that a pattern would take, and that are only forwarded by their whole name.
    pub kept: Vec<&'a str>,
}

/// Decides by these entries; `guarded` are variables that no pattern takes.
///
/// ```
/// use cci_core::forward::forwarded;
///
/// let entries = ["ANTHROPIC_*".to_owned(), "EDITOR".to_owned()];
/// let names = ["ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "EDITOR", "OTHER"];
/// let found = forwarded(&entries, names, |name| name == "ANTHROPIC_API_KEY");
/// assert_eq!(found.names, ["ANTHROPIC_MODEL", "EDITOR"]);
/// assert_eq!(found.kept, ["ANTHROPIC_API_KEY"]);
/// ```
pub fn forwarded<'a>(
    entries: &[String],
    names: impl IntoIterator<Item = &'a str>,
    guarded: impl Fn(&str) -> bool,
) -> Forwarded<'a> {
    let mut found = Forwarded::default();
    for name in names.into_iter().filter(|name| is_variable_name(name)) {
        let is_named = entries.iter().any(|entry| entry == name);
        let is_meant =
            || entries.iter().filter_map(|entry| entry.strip_suffix('*')).any(|begin| name.starts_with(begin));
        if is_named {
            found.names.push(name);
        } else if is_plain(name) || !is_meant() {
            // a terminal and a home are the container's own
        } else if guarded(name) {
            found.kept.push(name);
        } else {
            found.names.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(entries: &[&str], of: &[&'a str]) -> Forwarded<'a> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        forwarded(&entries, of.iter().copied(), |name| name.ends_with("_KEY"))
    }

    #[test]
    fn an_entry_is_a_name_or_the_beginning_of_names() {
        for good in ["A", "ANTHROPIC_*", "_*", "a1"] {
            assert!(is_entry(good), "{good}");
        }
        for bad in ["", "*", "**", "A**", "*A", "A*B", "1*", "A-*", "A=b", "A b", "Ä*"] {
            assert!(!is_entry(bad), "{bad}");
        }
    }

    #[test]
    fn a_pattern_takes_what_begins_so_and_nothing_else() {
        let found = names(&["A_*"], &["A_", "A_B", "A", "a_b", "BA_", "A_B C"]);
        assert_eq!(found.names, ["A_", "A_B"]);
        assert!(names(&[], &["A"]).names.is_empty());
    }

    #[test]
    fn what_is_guarded_is_forwarded_by_its_whole_name_only() {
        let found = names(&["A_*", "B_KEY"], &["A_KEY", "A_MODEL", "B_KEY"]);
        assert_eq!((found.names, found.kept), (vec!["A_MODEL", "B_KEY"], vec!["A_KEY"]));
    }

    #[test]
    fn no_pattern_replaces_what_describes_the_container() {
        assert_eq!(names(&["H*", "P*"], &["HOME", "PATH", "HTTP"]).names, ["HTTP"]);
        assert_eq!(names(&["HOME"], &["HOME"]).names, ["HOME"], "who says so gets it, as from -e");
    }
}
