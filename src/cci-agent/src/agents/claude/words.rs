//! Where in a text of Claude Code's configuration a path of the host begins and ends.

/// How a path below the home is written.
pub(super) const HOMES: [&str; 5] = ["~/", "$HOME/", "${HOME}/", "$HOME\"/", "${HOME}\"/"];
/// How a path in the configuration directory is written.
pub(super) const DIRECTORIES: [&str; 6] = [
    "$CLAUDE_CONFIG_DIR/",
    "${CLAUDE_CONFIG_DIR}/",
    "$CLAUDE_CONFIG_DIR\"/",
    "${CLAUDE_CONFIG_DIR}\"/",
    "${CLAUDE_CONFIG_DIR:-$HOME/.claude}/",
    "${CLAUDE_CONFIG_DIR:-~/.claude}/",
];

/// A path in the place of a word that closed a quotation.
pub(super) fn closing(word: &str, inside: String) -> String {
    if word.starts_with('$') && word.contains('"') { format!("\"{inside}") } else { inside }
}

/// The path that a text begins with, if one begins here: behind `before`, a quote may hold it together.
pub(super) fn path_at(text: &str, before: Option<char>) -> Option<&str> {
    let begins = HOMES.iter().chain(&DIRECTORIES).chain(&["/"]).any(|form| text.starts_with(form));
    let at_a_word = before.is_none_or(|before| before.is_whitespace() || "\"'`=:;|&(<>,@".contains(before));
    // two slashes are an address
    if !begins || !at_a_word || text.starts_with("//") {
        return None;
    }
    // what stands in the form itself ends nothing
    let form = HOMES.iter().chain(&DIRECTORIES).filter(|form| text.starts_with(**form)).map(|form| form.len()).max();
    let form = form.unwrap_or_default();
    let ends = |c: char| match before {
        Some(quote @ ('"' | '\'')) if !text[..form].contains('"') => c == quote,
        _ => c.is_whitespace() || "\"'`:;|&()<>,".contains(c),
    };
    let word = &text[..text[form..].find(ends).map_or(text.len(), |end| form + end)];
    Some(word.trim_end_matches('/')).filter(|word| !word.is_empty())
}
