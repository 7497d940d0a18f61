//! Help: every verb has its usage, flags and examples, on stdout.

use super::host;
use crate::support::host::Host;

/// The verbs below a command, as its help lists them.
fn below(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed =
        listed.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && line.as_bytes()[2] != b' ');
    listed.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help").map(str::to_owned).collect()
}

/// Every command line that has a help page, with that page.
fn pages(host: &Host, verb: &[String]) -> Vec<(Vec<String>, String)> {
    let args: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
    let out = host.cci(&args).ok();
    assert_eq!(out.stderr, "", "{verb:?}");
    let mut found = vec![(verb.to_vec(), out.stdout.clone())];
    for name in below(&out.stdout) {
        let deeper = [verb, &[name]].concat();
        found.extend(pages(host, &deeper));
    }
    found
}

#[test]
fn every_verb_has_usage_flags_and_examples() {
    let host = host();
    let pages = pages(&host, &[]);
    for (verb, page) in &pages {
        let usage = format!("Usage: {}", ["cci".to_owned()].iter().chain(verb).cloned().collect::<Vec<_>>().join(" "));
        for part in [&usage, "\nFlags:\n", "\nGlobal flags:\n", "\nExamples:\n  "] {
            assert!(page.contains(part), "{verb:?} has no {part:?}:\n{page}");
        }
        assert!(!page.contains("\nOptions:"), "{verb:?}:\n{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 120), "{verb:?} is too wide:\n{page}");
    }
    let names: Vec<String> = pages.iter().map(|(verb, _)| verb.join(" ")).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn help_is_a_verb_too() {
    let host = host();
    assert_eq!(host.cci(&["help", "image", "list"]).ok().stdout, host.cci(&["image", "list", "--help"]).ok().stdout);
    assert_eq!(host.cci(&["-h"]).ok().stdout, host.cci(&["--help"]).ok().stdout);
}

#[test]
fn a_verb_that_needs_another_word_shows_its_commands() {
    for verb in ["image", "tmux", "config", "profile", "network"] {
        let out = host().cci(&[verb]);
        assert!(out.stdout.contains("\nCommands:\n"), "{out}");
        assert_eq!(out.stderr, "", "{out}");
    }
}
