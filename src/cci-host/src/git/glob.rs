//! Patterns as git matches them against paths: `*` stays within a component, `**` crosses components.

/// Whether a pattern matches a text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    matched(&pattern, &text, &mut 0)
}

/// A pattern with many stars could take forever.
const TRIES: u32 = 200_000;

fn matched(pattern: &[char], text: &[char], tried: &mut u32) -> bool {
    *tried += 1;
    if *tried > TRIES {
        return false;
    }
    match pattern {
        [] => text.is_empty(),
        ['*', '*', '/', rest @ ..] => {
            let ends = (0..text.len()).filter(|at| text[*at] == '/').map(|at| at + 1);
            matched(rest, text, tried) || ends.into_iter().any(|at| matched(rest, &text[at..], tried))
        }
        ['*', '*', rest @ ..] => (0..=text.len()).any(|at| matched(rest, &text[at..], tried)),
        ['*', rest @ ..] => {
            let part = text.iter().take_while(|c| **c != '/').count();
            (0..=part).any(|at| matched(rest, &text[at..], tried))
        }
        ['?', rest @ ..] => text.first().is_some_and(|c| *c != '/') && matched(rest, &text[1..], tried),
        ['[', rest @ ..] if rest.contains(&']') => {
            let Some((first, others)) = text.split_first() else { return false };
            let (is_in, rest) = class(rest, *first);
            is_in && *first != '/' && matched(rest, others, tried)
        }
        ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && matched(rest, &text[1..], tried)
        }
    }
}

/// Whether a character is in the class that begins here, and what follows the class.
fn class(pattern: &[char], c: char) -> (bool, &[char]) {
    let (negated, body) = match pattern {
        ['!' | '^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    // a bracket in first place stands for itself
    let end = body.iter().skip(1).position(|c| *c == ']').map_or(body.len(), |at| at + 1);
    let (mut set, mut is_in) = (&body[..end], false);
    while let Some((first, rest)) = set.split_first() {
        (is_in, set) = match rest {
            ['-', last, rest @ ..] => (is_in || (*first..=*last).contains(&c), rest),
            _ => (is_in || *first == c, rest),
        };
    }
    (is_in != negated, body.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_part_and_two_cross_them() {
        for (pattern, text, want) in [
            ("/a/**", "/a/b/.git", true),
            ("/a/**", "/ab/.git", false),
            ("**/work/**", "/home/u/work/x/.git", true),
            ("**/work/**", "/home/u/homework/x/.git", false),
            ("**/x/.git", "/x/.git", true),
            ("/a/*/.git", "/a/b/.git", true),
            ("/a/*/.git", "/a/b/c/.git", false),
            ("/[a-c]?/.git", "/bz/.git", true),
            ("/[!a-c]/.git", "/b/.git", false),
            ("main", "main", true),
            ("feature/**", "feature/a/b", true),
            ("/a\\*", "/a*", true),
            ("[", "[", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        assert!(!matches(&"*a".repeat(40), &"a".repeat(60).replace("aaaa", "aaab")));
    }
}
