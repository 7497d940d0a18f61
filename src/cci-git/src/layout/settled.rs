//! What was set in a container's [own settings](super::Private), and can be set on the host as well because it names nothing to run.
//! Pure: who writes it decides where.

use std::fmt::Write as _;

use crate::config::{self, Entry};

/// So much is taken over.
const MOST: usize = 1000;

/// What is new in a container's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Upstreams of branches, and new remotes.
    pub kept: Vec<Entry>,
    /// Everything else: a person can look at it.
    pub left: Vec<Entry>,
}

impl Settled {
    /// Compares the host's settings as they are now with a container's; nothing that the host has is changed.
    #[must_use]
    pub fn between(host: &[u8], inside: &[u8]) -> Self {
        let (Ok(host), Ok(inside)) = (config::parse(host), config::parse(inside)) else { return Self::default() };
        let is_new = |entry: &Entry| !host.contains(entry);
        let has_section = |entry: &Entry| {
            host.iter().any(|known| (&known.section, &known.subsection) == (&entry.section, &entry.subsection))
        };
        let has_key = |entry: &Entry| {
            host.iter().any(|known| {
                (&known.section, &known.subsection, &known.key) == (&entry.section, &entry.subsection, &entry.key)
            })
        };
        let mut settled = Self::default();
        for entry in inside.into_iter().filter(is_new).take(MOST) {
            let fits = match entry.section.as_str() {
                "branch" => !has_key(&entry),
                "remote" => !has_section(&entry),
                _ => false,
            };
            if fits && is_harmless(&entry) { settled.kept.push(entry) } else { settled.left.push(entry) }
        }
        settled
    }

    /// What is kept, to be added to the end of a file of settings.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for Entry { section, subsection, key, value } in &self.kept {
            if last != Some((section, subsection)) {
                let name = subsection.as_deref().unwrap_or_default().replace('\\', "\\\\").replace('"', "\\\"");
                let _ = writeln!(text, "[{section} \"{name}\"]");
                last = Some((section, subsection));
            }
            let value = value.as_deref().unwrap_or_default().replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(text, "\t{key} = \"{value}\"");
        }
        text
    }
}

fn is_harmless(entry: &Entry) -> bool {
    let Entry { section, subsection, key, value } = entry;
    let (Some(name), Some(value)) = (subsection, value) else { return false };
    let is_text = |text: &str| {
        !text.is_empty() && !text.chars().any(|sign| sign.is_control() || sign == char::REPLACEMENT_CHARACTER)
    };
    is_text(name)
        && is_text(value)
        && match (section.as_str(), key.as_str()) {
            ("branch", "remote" | "pushremote") => value == "." || is_name(value),
            ("branch", "merge") => value.starts_with("refs/heads/"),
            ("branch", "rebase") => ["true", "false", "merges"].contains(&value.as_str()),
            ("remote", "url" | "pushurl") => is_name(name) && is_url(value),
            ("remote", "fetch") => {
                is_name(name)
                    && value.trim_start_matches('+').starts_with("refs/heads/")
                    && value.contains(":refs/remotes/")
            }
            _ => false,
        }
}

/// The name of a remote; git takes what is none for a URL.
fn is_name(text: &str) -> bool {
    !text.starts_with(['-', '.']) && text.chars().all(|sign| sign.is_alphanumeric() || "-_.".contains(sign))
}

/// A place on the network, by a protocol that runs nothing but `ssh`.
fn is_url(text: &str) -> bool {
    let plain = |host: &str| !host.is_empty() && !host.starts_with('-');
    let scheme = ["https://", "ssh://", "git://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match (scheme, text.split_once(':')) {
        (Some(host), _) => plain(host.rsplit_once('@').map_or(host, |(_, host)| host)) && plain(host),
        (None, Some((host, path))) => {
            host.contains('@') && plain(host) && !path.starts_with([':', '/', '-']) && !host.contains('/')
        }
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: &str = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://good.example/a\n[branch \"main\"]\n\tremote = origin\n";

    fn names(entries: &[Entry]) -> Vec<String> {
        let name =
            |one: &Entry| format!("{}.{}.{}", one.section, one.subsection.as_deref().unwrap_or_default(), one.key);
        entries.iter().map(name).collect()
    }

    #[test]
    fn upstreams_and_new_remotes_are_kept_and_nothing_else() {
        let inside = format!(
            "{HOST}[branch \"new/x\"]\n\tremote = origin\n\tmerge = refs/heads/x\n[remote \"more\"]\n\turl = git@x.example:a/b\n\
             \tfetch = +refs/heads/*:refs/remotes/more/*\n[user]\n\tname = B\n[core]\n\tfsmonitor = ./x\n"
        );
        let settled = Settled::between(HOST.as_bytes(), inside.as_bytes());
        let kept = ["branch.new/x.remote", "branch.new/x.merge", "remote.more.url", "remote.more.fetch"];
        assert_eq!(names(&settled.kept), kept);
        assert_eq!(names(&settled.left), ["user..name", "core..fsmonitor"]);
        let both = format!("{HOST}{}", settled.text());
        assert_eq!(Settled::between(both.as_bytes(), inside.as_bytes()).kept, []);
    }

    #[test]
    fn what_runs_or_leads_elsewhere_is_left() {
        for text in [
            "[remote \"origin\"]\nurl = https://evil.example/a",
            "[remote \"origin\"]\npushurl = https://evil.example/a",
            "[branch \"main\"]\nremote = evil",
            "[branch \"x\"]\nremote = ext::sh",
            "[branch \"x\"]\nremote = https://evil.example/a",
            "[branch \"x\"]\nremote = ../evil",
            "[branch \"x\"]\nmerge = --upload-pack=x",
            "[remote \"x\"]\nurl = ext::sh -c x",
            "[remote \"x\"]\nurl = ssh://-oProxyCommand=x/a",
            "[remote \"x\"]\nurl = -oProxyCommand=x@y:z",
            "[remote \"x\"]\nurl = ../evil",
            "[remote \"x\"]\nurl = file:///evil",
            "[remote \"x\"]\nuploadpack = x",
            "[remote \"x\"]\nfetch = +refs/heads/*:refs/heads/*",
            "[remote \"x\"]\nvcs = x",
            "[url \"https://evil/\"]\ninsteadOf = https://good/",
            "[include]\npath = x",
        ] {
            let settled = Settled::between(HOST.as_bytes(), format!("{HOST}{text}\n").as_bytes());
            assert_eq!((settled.kept.len(), settled.left.len()), (0, 1), "{text}");
            assert_eq!(settled.text(), "");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_as_it_was(branch in "[a-z/\"\\\\#; ]{1,12}", to in "[a-z/\"\\\\#; ]{0,12}") {
            let entry = |key: &str, value: String| Entry {
                section: "branch".into(), subsection: Some(branch.clone()), key: key.into(), value: Some(value),
            };
            let kept = vec![entry("remote", "origin".into()), entry("merge", format!("refs/heads/{to}"))];
            let settled = Settled { kept: kept.clone(), left: Vec::new() };
            prop_assert_eq!(config::parse(settled.text().as_bytes()), Ok(kept.clone()));
            prop_assert_eq!(Settled::between(b"", settled.text().as_bytes()).kept, kept);
        }
    }
}
