//! Reads Claude Code's screen: whether it is ready for a prompt, and what has been typed there already.

use crate::agent::Shown;

/// One of these at the beginning of a line marks the prompt.
const MARKS: [char; 2] = ['❯', '>'];
/// A question says how it is answered.
const ANSWERED: [&str; 4] = ["Enter to confirm", "Enter to select", "Esc to cancel", "Esc to exit"];

/// A prompt is between two rules as wide as the screen; a question has no rule below it.
pub(super) fn shown(screen: &str) -> Shown {
    let lines: Vec<&str> = screen.lines().collect();
    let prompt = lines.iter().enumerate().rev().find_map(|(at, line)| {
        let first = line.strip_prefix(MARKS)?;
        let rest = lines.get(at + 1..)?;
        let above = at.checked_sub(1).and_then(|above| lines.get(above));
        let end = rest.iter().position(|line| is_rule(line))?;
        above.is_some_and(|line| is_rule(line)).then(|| typed(first, &rest[..end]))
    });
    match prompt {
        Some(typed) => Shown::Prompt(typed),
        None if ANSWERED.iter().any(|words| screen.contains(words)) => Shown::Question,
        None => Shown::Other,
    }
}

fn is_rule(line: &str) -> bool {
    line.starts_with("──")
}

fn typed(first: &str, rest: &[&str]) -> String {
    let lines: Vec<&str> = std::iter::once(first).chain(rest.iter().copied()).map(str::trim).collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "────────────────────────────────────────";

    #[test]
    fn a_prompt_is_between_two_rules() {
        let screen = |typed: &str| {
            format!(
                "  Claude Code v2.1.332\n\n{RULE}\n❯ {typed}\n{RULE}\n  ⏵⏵ bypass permissions on (shift+tab to cycle)\n"
            )
        };
        assert_eq!(shown(&screen("")), Shown::Prompt(String::new()));
        assert_eq!(shown(&screen("one\n  two\n  three")), Shown::Prompt("one\ntwo\nthree".into()));
        let sent = format!("❯ one\n  two\n\n✻ Working…\n{}", screen(""));
        assert_eq!(shown(&sent), Shown::Prompt(String::new()), "what was sent is above");
    }

    #[test]
    fn a_question_is_no_prompt() {
        let trust = format!(
            "{RULE}\n Accessing workspace:\n /workspace\n ❯ No, exit\n   Yes, I trust this folder\n Enter to confirm · Esc to cancel\n"
        );
        assert_eq!(shown(&trust), Shown::Question);
        let menu = format!("{RULE}\n❯ 1. Yes\n  2. No\n\nEnter to select · Esc to cancel\n");
        assert_eq!(shown(&menu), Shown::Question);
    }

    #[test]
    fn a_shell_and_a_blank_screen_are_neither() {
        let gone = "Claude Code didn't start because this folder isn't trusted.\ncode@c:/workspace$ \n";
        for screen in ["", "\n\n\n", gone, "Claude Code is suspended. Run `fg` to bring it back.\n"] {
            assert_eq!(shown(screen), Shown::Other, "{screen}");
        }
        assert_eq!(shown(&format!("{RULE}\n! rm -rf x\n{RULE}\n")), Shown::Other, "a prompt there would be run");
    }
}
