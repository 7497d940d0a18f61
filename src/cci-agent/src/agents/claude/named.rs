//! Which files of the host a text of Claude Code's configuration names: each is in the container under another path, is
//! copied there, or is on the host only.

use std::path::{Component, Path, PathBuf};

use crate::seed::{Copied, Given};

/// Directories of programs that every system has its own of: the host's say nothing about the container's.
const OF_EVERY_SYSTEM: [&str; 10] =
    ["/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/dev", "/proc"];
/// Programs that the image has, wherever the host has them.
const OF_IMAGE: [&str; 12] =
    ["bash", "claude", "docker", "env", "git", "node", "npm", "npx", "python", "python3", "sh", "sudo"];
/// The ways to write a path below the home.
const HOMES: [&str; 5] = ["~/", "$HOME/", "${HOME}/", "$HOME\"/", "${HOME}\"/"];
/// The ways to write a path in the configuration directory.
const DIRECTORIES: [&str; 6] = [
    "$CLAUDE_CONFIG_DIR/",
    "${CLAUDE_CONFIG_DIR}/",
    "$CLAUDE_CONFIG_DIR\"/",
    "${CLAUDE_CONFIG_DIR}\"/",
    "${CLAUDE_CONFIG_DIR:-$HOME/.claude}/",
    "${CLAUDE_CONFIG_DIR:-~/.claude}/",
];
/// What cci makes for a session and never copies as it is on the host.
const MADE: [&str; 3] = ["settings.json", ".claude.json", ".credentials.json"];
/// Where plugins are; only the enabled ones are copied.
const PLUGINS: &str = "plugins";
/// What the agent records about its workspaces, which is never copied, whatever names it.
const NOTED: [&str; 10] = [
    "projects",
    "sessions",
    "history.jsonl",
    "file-history",
    "todos",
    "tasks",
    "plans",
    "shell-snapshots",
    "session-env",
    "backups",
];

/// Collects what texts name.
pub(super) struct Named<'a> {
    given: &'a Given<'a>,
    directory: PathBuf,
    /// What is to be copied.
    pub(super) copied: Vec<Copied>,
    /// What the last text names that only the host has.
    pub(super) on_host: Vec<PathBuf>,
}

impl<'a> Named<'a> {
    pub(super) fn of(given: &'a Given<'a>) -> Self {
        Self { given, directory: super::place::directory(&given.place), copied: Vec::new(), on_host: Vec::new() }
    }

    /// The text with each path as it is in the container.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut inside = String::new();
        let (mut rest, mut before) = (text, None);
        while let Some(first) = rest.chars().next() {
            let word = word(rest, before);
            let taken = if let Some(word) = word {
                inside.push_str(&self.path(word).unwrap_or_else(|| word.to_owned()));
                word
            } else {
                inside.push(first);
                &rest[..first.len_utf8()]
            };
            before = taken.chars().next_back();
            rest = &rest[taken.len()..];
        }
        inside
    }

    /// The same for a command, whose first word may be the name of a program.
    pub(super) fn command(&mut self, text: &str) -> String {
        let program = text.split_whitespace().next().unwrap_or_default();
        let found = self.given.find.filter(|_| !program.contains('/') && !OF_IMAGE.contains(&program));
        if let Some(place) = found.and_then(|find| find(program)) {
            self.on_host_alone(place);
        }
        self.text(text)
    }

    /// A path as it is in the container, if it is written differently there.
    fn path(&mut self, word: &str) -> Option<String> {
        let host = self.on_host_as(word)?;
        if let Ok(below) = host.strip_prefix(&self.directory) {
            self.copy(below);
            let inside = match below.to_string_lossy() {
                whole if whole.is_empty() => self.given.state.clone(),
                below => format!("{}/{below}", self.given.state),
            };
            let is_same = DIRECTORIES.iter().any(|form| word.starts_with(form)) || self.in_guest(word) == inside;
            return (!is_same).then(|| closing(word, inside));
        }
        let mounted = |(place, inside): &(PathBuf, String)| {
            let below = host.strip_prefix(place).ok()?;
            Some(if below == Path::new("") { inside.clone() } else { format!("{inside}/{}", below.display()) })
        };
        if let Some(inside) = self.given.mounted.iter().find_map(mounted) {
            return (self.in_guest(word) != inside).then(|| closing(word, inside));
        }
        self.on_host_alone(host);
        None
    }

    /// The place on the host that a path means.
    fn on_host_as(&self, word: &str) -> Option<PathBuf> {
        let below = |forms: &[&str]| forms.iter().find_map(|form| word.strip_prefix(form)).map(str::to_owned);
        let place = match (below(&HOMES), below(&DIRECTORIES)) {
            (Some(below), _) => self.given.place.home.join(below),
            (None, Some(below)) => self.directory.join(below),
            (None, None) => PathBuf::from(word),
        };
        place.is_absolute().then(|| without_steps_up(&place))
    }

    /// What the same path means in the container.
    fn in_guest(&self, word: &str) -> String {
        let below = HOMES.iter().find_map(|form| word.strip_prefix(form));
        below.map_or_else(|| word.to_owned(), |below| format!("{}/{below}", self.given.guest_home))
    }

    /// Copies, or reports, a file at a path relative to the configuration directory.
    pub(super) fn beside(&mut self, path: &Path) {
        let place = without_steps_up(&self.directory.join(path));
        match place.strip_prefix(&self.directory) {
            Ok(below) if self.given.exists.is_some_and(|exists| exists(&place)) => self.copy(below),
            Ok(_) => {}
            Err(_) => self.on_host_alone(place),
        }
    }

    /// Copies the whole directory that a file is in: the file may need what is next to it.
    pub(super) fn copy(&mut self, below: &Path) {
        let mut parts = below.components();
        let Some(Component::Normal(first)) = parts.next() else { return };
        let name = PathBuf::from(first);
        if NOTED.iter().any(|noted| name == Path::new(noted)) {
            self.on_host_alone(self.directory.join(below));
            return;
        }
        if MADE.iter().any(|made| name == Path::new(made)) {
            return;
        }
        let name = match below.parent() {
            Some(above) if name == Path::new(PLUGINS) && above.components().count() > 1 => above.to_owned(),
            _ if name == Path::new(PLUGINS) => below.to_owned(),
            _ => name,
        };
        if name == Path::new(PLUGINS) {
            return;
        }
        let copied = Copied::plain(self.directory.join(&name), name);
        if !self.copied.contains(&copied) {
            self.copied.push(copied);
        }
    }

    fn on_host_alone(&mut self, place: PathBuf) {
        let home = &self.given.place.home;
        // in quotes it may be a command with its arguments
        let program = place.to_str().and_then(|text| text.split_whitespace().next()).map(PathBuf::from);
        let exists = |place: &PathBuf| self.given.exists.is_some_and(|exists| exists(place));
        let Some(place) = std::iter::once(place).chain(program).find(exists) else { return };
        let of_system = !place.starts_with(home) && OF_EVERY_SYSTEM.iter().any(|dir| place.starts_with(dir));
        if !of_system && place != *home && place != Path::new("/") && !self.on_host.contains(&place) {
            self.on_host.push(place);
        }
    }
}

/// The path without `..`, as it is written.
fn without_steps_up(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut place, part| {
        match part {
            Component::ParentDir => drop(place.pop()),
            part => place.push(part),
        }
        place
    })
}

/// A path that replaces a word which closed a quotation.
fn closing(word: &str, inside: String) -> String {
    if word.starts_with('$') && word.contains('"') { format!("\"{inside}") } else { inside }
}

/// The path that a text begins with, if one begins here; if `before` is a quote, the path may contain spaces.
fn word(text: &str, before: Option<char>) -> Option<&str> {
    let begins = HOMES.iter().chain(&DIRECTORIES).chain(&["/"]).any(|form| text.starts_with(form));
    let at_a_word = before.is_none_or(|before| before.is_whitespace() || "\"'`=:;|&(<>,@".contains(before));
    // two slashes are an address
    if !begins || !at_a_word || text.starts_with("//") {
        return None;
    }
    // quotes and colons in the form itself do not end the path
    let form = HOMES.iter().chain(&DIRECTORIES).filter(|form| text.starts_with(**form)).map(|form| form.len()).max();
    let form = form.unwrap_or_default();
    let ends = |c: char| match before {
        Some(quote @ ('"' | '\'')) if !text[..form].contains('"') => c == quote,
        _ => c.is_whitespace() || "\"'`:;|&()<>,".contains(c),
    };
    let word = &text[..text[form..].find(ends).map_or(text.len(), |end| form + end)];
    Some(word.trim_end_matches('/')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::HostPlace;

    fn named(named: Option<&str>, text: &str) -> (String, Vec<PathBuf>, Vec<PathBuf>) {
        let exists = |path: &Path| !path.to_string_lossy().contains(" -v");
        let find = |name: &str| (name == "guard").then(|| PathBuf::from("/home/ann/bin/guard"));
        let given = Given {
            place: HostPlace { home: "/home/ann".into(), named: named.map(PathBuf::from) },
            mounted: vec![("/home/ann/proj".into(), "/workspace".into())],
            state: "/home/code/.claude".into(),
            guest_home: "/home/code",
            exists: Some(&exists),
            find: Some(&find),
            ..Given::default()
        };
        let mut named = Named::of(&given);
        let inside = named.command(text);
        (inside, named.copied.into_iter().map(|one| one.session).collect(), named.on_host)
    }

    #[test]
    fn a_file_of_the_agents_directory_is_copied_and_named_as_it_is_inside() {
        for (text, inside, copied) in [
            ("~/.claude/hooks/guard.sh -v", "~/.claude/hooks/guard.sh -v", "hooks"),
            ("\"$HOME\"/.claude/guard.sh -v", "\"$HOME\"/.claude/guard.sh -v", "guard.sh"),
            ("sh ${CLAUDE_CONFIG_DIR:-$HOME/.claude}/b/c", "sh ${CLAUDE_CONFIG_DIR:-$HOME/.claude}/b/c", "b"),
            ("$HOME/.claude/status.sh", "$HOME/.claude/status.sh", "status.sh"),
            ("bash \"/home/ann/.claude/my hooks/a.sh\"", "bash \"/home/code/.claude/my hooks/a.sh\"", "my hooks"),
            (
                "X=/home/ann/.claude/a/b;sh $CLAUDE_CONFIG_DIR/a/c",
                "X=/home/code/.claude/a/b;sh $CLAUDE_CONFIG_DIR/a/c",
                "a",
            ),
        ] {
            assert_eq!(named(None, text), (inside.to_owned(), vec![copied.into()], vec![]), "{text}");
        }
        let (inside, copied, _) = named(Some("/home/ann/work"), "sh ~/work/a.sh");
        assert_eq!((inside.as_str(), copied), ("sh /home/code/.claude/a.sh", vec!["a.sh".into()]));
        assert_eq!(named(Some("/home/ann/work"), "\"$HOME\"/work/a.sh").0, "\"\"/home/code/.claude/a.sh");
        assert_eq!(named(None, "cat ~/.claude/settings.json ~/.claude/plugins").1, Vec::<PathBuf>::new());
    }

    #[test]
    fn a_file_of_the_workspace_is_named_as_it_is_inside() {
        assert_eq!(named(None, "/home/ann/proj/guard.sh").0, "/workspace/guard.sh");
        assert_eq!(named(None, "ls ~/proj").0, "ls /workspace");
    }

    #[test]
    fn what_only_the_host_has_is_reported() {
        for (text, told) in [
            ("~/bin/guard.sh", &["/home/ann/bin/guard.sh"][..]),
            ("bash -c '~/bin/guard.sh -v'", &["/home/ann/bin/guard.sh"]),
            ("python3 /opt/guard/x.py 2>/dev/null", &["/opt/guard/x.py"]),
            ("guard --check", &["/home/ann/bin/guard"]),
            ("cat ~/.claude/projects/x/y.jsonl", &["/home/ann/.claude/projects/x/y.jsonl"]),
            ("/usr/bin/env node -e 'a/b'", &[]),
            ("echo https://example.com/a", &[]),
        ] {
            assert_eq!(named(None, text).2, told.iter().map(PathBuf::from).collect::<Vec<_>>(), "{text}");
        }
    }
}
