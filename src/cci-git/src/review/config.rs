//! Keys of git's configuration by which git runs something, or reads settings from elsewhere.

use std::collections::BTreeSet;

use crate::config::{self, Entry};

/// A value is shown up to here.
const LONGEST: usize = 200;

/// What is new between two versions of a configuration: a line for each key that matters; nothing if none does.
pub(super) fn new(old: &[u8], new: &[u8]) -> Vec<String> {
    let Ok(entries) = config::parse(new) else { return vec!["it is not valid configuration of git".to_owned()] };
    // what git did not read before did nothing
    let before: BTreeSet<String> =
        config::parse(old).unwrap_or_default().iter().filter(|one| runs(one)).map(line).collect();
    let new = entries.iter().filter(|one| runs(one)).map(line).filter(|line| !before.contains(line));
    let mut seen = BTreeSet::new();
    new.filter(|line| seen.insert(line.clone())).collect()
}

/// The same of `.gitmodules`, where git believes almost nothing.
pub(super) fn new_of_modules(old: &[u8], new: &[u8]) -> Vec<String> {
    let entries = |bytes| config::parse(bytes).unwrap_or_default();
    let is_odd = |one: &Entry| {
        let value = one.value.as_deref().unwrap_or_default();
        one.section == "submodule"
            && match one.key.as_str() {
                "update" => value.starts_with('!'),
                "url" => value.starts_with('-') || value.starts_with("ext::") || value.starts_with("file:"),
                "path" => {
                    value.starts_with('-')
                        || value.starts_with('/')
                        || value.split('/').any(|part| [".git", ".."].contains(&part))
                }
                _ => false,
            }
    };
    let before: BTreeSet<String> = entries(old).iter().filter(|one| is_odd(one)).map(line).collect();
    entries(new).iter().filter(|one| is_odd(one)).map(line).filter(|line| !before.contains(line)).collect()
}

/// Files within a repository's reach that its configuration names: hooks, and what it includes.
pub(super) fn named(bytes: &[u8]) -> (Option<String>, Vec<String>) {
    let entries = config::parse(bytes).unwrap_or_default();
    let is = |one: &Entry, section: &str, key: &str| one.section == section && one.key == key;
    let hooks = entries.iter().rfind(|one| is(one, "core", "hookspath") && one.subsection.is_none());
    let hooks = hooks.and_then(|one| one.value.clone());
    let includes = entries.into_iter().filter(|one| is(one, "include", "path") || is(one, "includeif", "path"));
    (hooks, includes.filter_map(|one| one.value).collect())
}

fn line(entry: &Entry) -> String {
    let Entry { section, subsection, key, value } = entry;
    let name = match subsection {
        Some(sub) => format!("{section}.{sub}.{key}"),
        None => format!("{section}.{key}"),
    };
    let text = value.as_ref().map_or(name.clone(), |value| format!("{name} = {value}"));
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
}

/// Whether a key makes git run something, take settings or files from elsewhere, or talk to somebody else than it seems.
fn runs(entry: &Entry) -> bool {
    let Entry { section, subsection, key, value } = entry;
    let value = value.as_deref().unwrap_or_default();
    let is_word = ["false", "true", "0", "1", "no", "off"].contains(&value);
    match (section.as_str(), key.as_str()) {
        ("core", "fsmonitor" | "pager" | "editor") => !is_word,
        ("filter", "clean" | "smudge" | "process") => !is_common_filter(subsection.as_deref(), value),
        ("remote", "url" | "pushurl") => value.contains("::") || value.starts_with('-'),
        ("submodule", "update") => value.starts_with('!'),
        ("protocol", "allow") => value != "never",
        ("lfs", "path" | "args") => subsection.as_ref().is_some_and(|sub| sub.contains("customtransfer")),
        ("sendemail", key) => key.ends_with("cmd") || key == "smtpserver",
        ("alias" | "pager" | "hook" | "safe" | "uploadarchive", _) => true,
        (section, key) => KEYS.iter().any(|(of, keys)| *of == section && keys.contains(&key)),
    }
}

/// Keys that count whatever they say.
const KEYS: [(&str, &[&str]); 24] = [
    ("attr", &["tree"]),
    ("browser", &["cmd", "path"]),
    ("core", &["hookspath", "sshcommand", "gitproxy", "askpass", "alternaterefscommand", "worktree", "attributesfile"]),
    ("credential", &["helper"]),
    ("diff", &["external", "command", "textconv"]),
    ("difftool", &["cmd", "path"]),
    ("extensions", &["worktreeconfig"]),
    ("gpg", &["program", "defaultkeycommand"]),
    ("guitool", &["cmd"]),
    ("http", &["proxy", "sslcert", "sslkey", "sslcainfo", "sslverify", "extraheader", "cookiefile"]),
    ("include", &["path"]),
    ("includeif", &["path"]),
    ("init", &["templatedir"]),
    ("interactive", &["difffilter"]),
    ("lfs", &["standalonetransferagent"]),
    ("man", &["cmd", "path"]),
    ("merge", &["driver"]),
    ("mergetool", &["cmd", "path"]),
    ("remote", &["uploadpack", "receivepack", "vcs", "proxy"]),
    ("sequence", &["editor"]),
    ("tar", &["command"]),
    ("trailer", &["cmd", "command"]),
    ("uploadpack", &["packobjectshook"]),
    ("url", &["insteadof", "pushinsteadof"]),
];

/// What `git lfs install --local` writes: the programs are the person's.
fn is_common_filter(name: Option<&str>, value: &str) -> bool {
    name == Some("lfs")
        && ["git-lfs clean -- %f", "git-lfs smudge -- %f", "git-lfs filter-process", "git-lfs filter-process --skip"]
            .contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, now: &str) -> Vec<String> {
        new(old.as_bytes(), now.as_bytes())
    }

    #[test]
    fn ordinary_settings_are_quiet() {
        let ordinary = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tfsmonitor = true\n\
            [user]\n\tname = A\n[remote \"origin\"]\n\turl = https://x.example/a\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [branch \"b\"]\n\tremote = origin\n\tmerge = refs/heads/b\n[gc]\nauto = 0\n\
            [filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n\tprocess = git-lfs filter-process\n";
        assert_eq!(told("", ordinary), [""; 0]);
    }

    #[test]
    fn each_key_that_runs_something_is_named_with_its_value() {
        for (text, line) in [
            ("[core]\nfsmonitor = ./x", "core.fsmonitor = ./x"),
            ("[CORE]\nSSHCommand = x", "core.sshcommand = x"),
            ("[core]\nhooksPath = .evil", "core.hookspath = .evil"),
            ("[core]\nworktree = /home", "core.worktree = /home"),
            ("[filter \"lfs\"]\nclean = evil", "filter.lfs.clean = evil"),
            ("[filter \"x\"]\nprocess = git-lfs filter-process", "filter.x.process = git-lfs filter-process"),
            ("[diff \"x\"]\ntextconv = x", "diff.x.textconv = x"),
            ("[credential \"https://a\"]\nhelper = !x", "credential.https://a.helper = !x"),
            ("[include]\npath = x", "include.path = x"),
            ("[includeIf \"gitdir:/\"]\npath = x", "includeif.gitdir:/.path = x"),
            ("[url \"https://evil/\"]\ninsteadOf = https://good/", "url.https://evil/.insteadof = https://good/"),
            ("[alias]\nst = !x", "alias.st = !x"),
            ("[submodule \"x\"]\nupdate = !x", "submodule.x.update = !x"),
            ("[remote \"o\"]\nurl = ext::sh -c x", "remote.o.url = ext::sh -c x"),
            ("[gpg \"ssh\"]\ndefaultKeyCommand = x", "gpg.ssh.defaultkeycommand = x"),
            ("[hook \"x\"]\ncommand = x", "hook.x.command = x"),
            ("[protocol \"ext\"]\nallow = always", "protocol.ext.allow = always"),
            ("[broken", "it is not valid configuration of git"),
        ] {
            assert_eq!(told("[core]\nbare = false\n", text), [line], "{text}");
        }
    }

    #[test]
    fn only_what_is_new_is_named() {
        let old = "[core]\nhooksPath = .husky\n[alias]\nst = status\n";
        assert_eq!(told(old, &format!("{old}[user]\nname = x\n")), [""; 0]);
        assert_eq!(told(old, &format!("{old}[alias]\nco = checkout\n")), ["alias.co = checkout"]);
        assert_eq!(told(old, &old.replace(".husky", ".other")), ["core.hookspath = .other"]);
        assert_eq!(told("[broken", "[core]\npager = x\n"), ["core.pager = x"], "what git did not read did nothing");
        let long = told("", &format!("[core]\npager = {}\n", "x".repeat(5000)));
        assert_eq!(long[0].chars().count(), LONGEST + 1);
    }

    #[test]
    fn of_submodules_only_what_is_odd_is_named() {
        let plain = b"[submodule \"a\"]\npath = a\nurl = https://x.example/a\nupdate = rebase\n";
        assert_eq!(new_of_modules(b"", plain), [""; 0]);
        let odd = b"[submodule \"a\"]\npath = ../a\nurl = -x\nupdate = !x\n";
        assert_eq!(
            new_of_modules(plain, odd),
            ["submodule.a.path = ../a", "submodule.a.url = -x", "submodule.a.update = !x"]
        );
    }
}
