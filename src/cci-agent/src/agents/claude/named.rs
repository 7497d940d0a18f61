//! Which files of the host a text of Claude Code's configuration names: each is in the container under another path, is
//! copied there, or is on the host only.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::place::MADE;
use super::words::{DIRECTORIES, HOMES, closing, path_at};
use super::{place, programs};
use crate::omission::Omission;
use crate::seed::{Copied, Given};

/// Directories of programs that every system has its own of: the host's say nothing about the container's.
const OF_EVERY_SYSTEM: [&str; 10] =
    ["/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/dev", "/proc"];
/// Where plugins are, of which those that are switched on are copied.
const PLUGINS: &str = "plugins";

/// Something that a text names and the container may not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A place of the host.
    Place(PathBuf),
    /// A program.
    Program(String),
    /// An address that is the host's own there.
    Loopback,
}

impl Found {
    /// What is told of it, as a setting of a file.
    pub(super) fn told(self, file: &Path, key: &str, left_out: bool) -> Omission {
        let (file, key) = (file.to_owned(), key.to_owned());
        match self {
            Self::Place(place) => Omission::NamesHost { file, key, place, left_out },
            Self::Program(program) => Omission::NeedsProgram { file, key, program, left_out },
            Self::Loopback => Omission::NamesLoopback { file, key, left_out },
        }
    }
}

/// Collects what texts name.
pub(super) struct Named<'a> {
    given: &'a Given<'a>,
    directory: PathBuf,
    /// The same directory without links.
    real: Option<PathBuf>,
    /// What is to be copied.
    pub(super) copied: Vec<Copied>,
    /// What the texts name that were read since this was taken last.
    pub(super) found: Vec<Found>,
    /// Files in the agent's directory that they name.
    files: Vec<PathBuf>,
    /// The scripts among them that were looked into.
    scripts: BTreeSet<PathBuf>,
}

impl<'a> Named<'a> {
    pub(super) fn of(given: &'a Given<'a>) -> Self {
        let directory = place::directory(&given.place);
        let real = given.files.and_then(|files| files.real(&directory));
        let (copied, found, files, scripts) = (Vec::new(), Vec::new(), Vec::new(), BTreeSet::new());
        Self { given, directory, real, copied, found, files, scripts }
    }

    /// The text with each path as it is in the container.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut inside = String::new();
        let (mut rest, mut before) = (text, None);
        while let Some(first) = rest.chars().next() {
            let word = path_at(rest, before);
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

    /// The same of a command, which runs programs, and scripts that name more.
    pub(super) fn command(&mut self, text: &str) -> String {
        for name in programs::of(text) {
            self.program(name);
        }
        self.files.clear();
        let inside = self.text(text);
        while let Some(file) = self.files.pop() {
            let script = self.given.files.and_then(|files| files.script(&file));
            if let Some(script) = script.filter(|_| self.scripts.insert(file)) {
                self.script(&script);
            }
        }
        inside
    }

    /// What a script needs: its interpreter, and what it names of the person's own. Other places may be there or not.
    fn script(&mut self, script: &str) {
        match programs::interpreter(script).map(|word| (word, programs::name(word))) {
            Some((_, Some(name))) => self.program(name),
            Some((place, None)) => self.on_host_alone(place.into()),
            None => {}
        }
        let before = self.found.len();
        let interpreter = script.lines().next().filter(|line| line.starts_with("#!")).map_or(0, str::len);
        self.text(&script[interpreter..]);
        let home = &self.given.place.home;
        let mut nth = 0;
        self.found.retain(|found| {
            nth += 1;
            nth <= before || matches!(found, Found::Place(place) if place.starts_with(home))
        });
    }

    fn program(&mut self, name: &str) {
        let is_on_host = self.given.files.is_some_and(|files| files.program(name).is_some());
        if is_on_host && !programs::in_image(name) {
            self.find(Found::Program(name.to_owned()));
        }
    }

    /// A path as it is in the container, if it is written differently there.
    fn path(&mut self, word: &str) -> Option<String> {
        let host = self.on_host_as(word)?;
        if let Some(below) = self.below(&host) {
            self.copy(&below);
            self.files.push(self.directory.join(&below));
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

    /// What a path is in the agent's directory, by whichever name of that.
    pub(super) fn below(&self, host: &Path) -> Option<PathBuf> {
        let in_real = |path: &Path| path.strip_prefix(self.real.as_ref()?).ok().map(Path::to_owned);
        let below = host.strip_prefix(&self.directory).ok().map(Path::to_owned).or_else(|| in_real(host));
        below.or_else(|| in_real(&self.given.files?.real(host)?))
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

    /// Copies, or reports, what a file imports; returns what of that is in the agent's directory.
    pub(super) fn imported(&mut self, file: &Path, word: &str) -> Vec<PathBuf> {
        self.files.clear();
        if word.starts_with(['/', '~', '$']) {
            self.text(word);
        } else {
            self.beside(&file.parent().unwrap_or(Path::new("/")).join(word));
        }
        std::mem::take(&mut self.files)
    }

    /// Copies, or reports, a file at this path.
    fn beside(&mut self, path: &Path) {
        let place = without_steps_up(path);
        match place.strip_prefix(&self.directory) {
            Ok(below) if self.given.exists(&place) => {
                self.copy(below);
                self.files.push(place.clone());
            }
            Ok(_) => {}
            Err(_) => self.on_host_alone(place),
        }
    }

    /// Copies the whole directory that a file is in: the file may need what is next to it.
    pub(super) fn copy(&mut self, below: &Path) {
        let mut parts = below.components();
        let Some(Component::Normal(first)) = parts.next() else { return };
        let name = PathBuf::from(first);
        if place::NOTED.iter().any(|noted| name == Path::new(noted)) {
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
        let is_all = place == self.given.place.home || place == Path::new("/");
        if !is_all && !self.is_of_system(&place) && self.given.exists(&place) {
            self.find(Found::Place(place));
        }
    }

    fn is_of_system(&self, place: &Path) -> bool {
        !place.starts_with(&self.given.place.home) && OF_EVERY_SYSTEM.iter().any(|dir| place.starts_with(dir))
    }

    fn find(&mut self, found: Found) {
        if !self.found.contains(&found) {
            self.found.push(found);
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

#[cfg(test)]
mod tests;
