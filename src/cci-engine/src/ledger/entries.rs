//! The ledger: what a command created and has not kept, newest first, on disk before it is created.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cci_host::process;
use cci_host::store::journal::Journal;

use super::lines::{Line, Server, begin, read, text, unfinished};
use super::made::Made;

/// The list of things to roll back; it outlives the work that fills it, so that an interrupt finds it complete.
///
/// It is kept in a journal too, so that the next command finds it complete after a kill.
#[derive(Debug, Clone)]
pub struct Ledger {
    list: Arc<Mutex<List>>,
    dir: PathBuf,
    server: Server,
}

/// The notes of a command that was killed.
#[derive(Debug)]
pub struct Abandoned {
    /// To be closed when everything is rolled back.
    pub(crate) journal: Journal,
    /// What it created, newest first.
    pub(crate) made: Vec<Made>,
    /// Whether Incus may still be about to create it.
    pub(crate) doubted: bool,
}

#[derive(Debug, Default)]
struct List {
    made: Vec<Made>,
    /// What could not be rolled back, and was told.
    told: Vec<Made>,
    journal: Option<Journal>,
}

impl Ledger {
    /// An empty list whose journal is in `dir`.
    #[must_use]
    pub fn new(dir: PathBuf, server: Server) -> Self {
        Self { list: Arc::default(), dir, server }
    }

    /// Another empty list, with a journal of its own.
    pub(crate) fn of_its_own(&self) -> Self {
        Self::new(self.dir.clone(), self.server.clone())
    }

    /// Notes something **before** the request that creates it.
    pub fn push(&self, made: Made) {
        let mut list = self.lock();
        self.note(&mut list, &Line::Made(made.clone()));
        list.made.push(made);
    }

    /// Whether another command of this user noted before this one that it creates an instance of this name.
    ///
    /// That is a hint, which saves both the create that one of them would lose: Incus decides.
    pub(crate) fn another_makes(&self, name: &str, launch: &str) -> bool {
        let list = self.lock();
        let Some(Ok(noted)) = list.journal.as_ref().map(Journal::written) else { return false };
        Journal::everybodys(&self.dir).any(|(written, lines)| {
            // of a command that was killed; the next command rolls it back
            let lives = read(&lines).any(|line| matches!(line, Line::By(own) if process::runs(&own)));
            lives
                && unfinished(&lines, &self.server).unwrap_or_default().iter().any(|made| match made {
                    Made::Instance { name: same, launch: other } if same == name => {
                        (written, other.as_str()) < (noted, launch)
                    }
                    _ => false,
                })
        })
    }

    /// Notes that Incus may still do what it has not answered.
    pub(crate) fn doubt(&self) {
        let mut list = self.lock();
        self.note(&mut list, &Line::InDoubt);
    }

    /// Keeps everything created so far: the work succeeded.
    pub(crate) fn keep(&self) {
        let mut list = self.lock();
        list.made.clear();
        if let Some(Err(error)) = list.journal.take().map(Journal::close) {
            tracing::warn!(%error, "the journal of this command stays");
        }
    }

    /// Forgets one thing, which was removed or does not belong to this call.
    pub(crate) fn forget(&self, made: &Made) {
        let mut list = self.lock();
        self.note(&mut list, &Line::Forgotten(made.clone()));
        list.made.retain(|other| other != made);
    }

    /// Everything to roll back, newest first; the journal stays until [`Ledger::keep`].
    pub(crate) fn take(&self) -> Vec<Made> {
        let mut made = std::mem::take(&mut self.lock().made);
        made.reverse();
        made
    }

    /// Takes back what was taken and could not be rolled back, oldest last: whoever is around this call tries again, and
    /// the next command if that fails too. Returns whether it is the first time.
    pub(crate) fn put_back(&self, made: Made) -> bool {
        let mut list = self.lock();
        let is_first = !list.told.contains(&made);
        if is_first {
            list.told.push(made.clone());
        }
        list.made.insert(0, made);
        is_first
    }

    /// What killed commands of this user left in this Incus.
    pub(crate) fn abandoned(&self) -> Vec<Abandoned> {
        let of_this_server = |(journal, lines): (Journal, Vec<String>)| {
            let made = unfinished(&lines, &self.server)?;
            let doubted = read(&lines).any(|line| matches!(line, Line::InDoubt));
            Some(Abandoned { journal, made, doubted })
        };
        Journal::abandoned(&self.dir).into_iter().filter_map(of_this_server).collect()
    }

    /// A home that cannot be written has no journal; then only a kill cannot be recovered from.
    fn note(&self, list: &mut List, line: &Line) {
        let noted = match &mut list.journal {
            Some(journal) => text(line).and_then(|text| journal.note(&text)),
            None => begin(&self.dir, &self.server, line).map(|journal| list.journal = Some(journal)),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "nothing is noted for the case that this command is killed");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn ledger(dir: &Path, project: &str) -> Ledger {
        Ledger::new(dir.join("unfinished"), Server { endpoint: "/socket".into(), project: project.into() })
    }

    fn image(mark: &str) -> Made {
        Made::Images { launch: mark.into(), alias: "cci".into() }
    }

    #[test]
    fn the_newest_is_rolled_back_first_and_what_is_kept_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = ledger(dir.path(), "p");
        ledger.push(image("kept"));
        ledger.keep();
        for name in ["a", "b", "c"] {
            ledger.push(image(name));
        }
        ledger.forget(&image("b"));
        assert_eq!(ledger.take(), [image("c"), image("a")]);
        assert_eq!(ledger.take(), []);
    }

    #[test]
    fn a_killed_command_leaves_the_same_list_to_the_next_one_of_its_incus() {
        let dir = tempfile::tempdir().unwrap();
        let killed = ledger(dir.path(), "p");
        let instance = Made::Instance { name: "c1".into(), launch: "n".into() };
        let session = Made::SessionDir("/s/3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f".into());
        for made in [session.clone(), image("a"), instance.clone()] {
            killed.push(made);
        }
        killed.forget(&image("a"));
        let next = ledger(dir.path(), "p");
        assert!(next.abandoned().is_empty(), "it still lives");
        drop(killed);
        assert!(ledger(dir.path(), "other").abandoned().is_empty());
        let Abandoned { journal, made, doubted } = next.abandoned().remove(0);
        assert!(!doubted);
        assert_eq!(made, [instance, session]);
        journal.close().unwrap();
        assert!(next.abandoned().is_empty());
    }

    #[test]
    fn a_planted_note_removes_nothing_that_cci_does_not_create() {
        let dir = tempfile::tempdir().unwrap();
        let planted = ledger(dir.path(), "p");
        let staging = format!("/work/.cci-pull-{}", "0a".repeat(16));
        for path in ["/home/u", "/home/u/.ssh", "/work/.cci-pull-", "/work/.cci-pull-x/../../home", "/", ".."] {
            planted.push(Made::Staging(path.into()));
            planted.push(Made::Staged(path.into()));
            planted.push(Made::SessionDir(path.into()));
        }
        planted.push(Made::Staging(staging.clone().into()));
        drop(planted);
        assert_eq!(ledger(dir.path(), "p").abandoned().remove(0).made, [Made::Staging(staging.into())]);
    }

    #[test]
    fn a_damaged_note_removes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let damaged = ledger(dir.path(), "p");
        damaged.push(image("a"));
        drop(damaged);
        let file = std::fs::read_dir(dir.path().join("unfinished")).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read_to_string(&file).unwrap();
        let found = |text: &str| {
            std::fs::write(&file, text).unwrap();
            ledger(dir.path(), "p").abandoned().len()
        };
        assert_eq!(found(&whole), 1);
        assert_eq!(found(&format!("{whole}{{\"unknown\":1}}\n")), 0, "a line that cannot be read");
        assert_eq!(found(&whole.replacen("{\"in\"", "{\"im\"", 1)), 0, "another place");
        assert_eq!(found(whole.split_once('\n').unwrap().1), 0, "no place");
        assert_eq!(found("{\"in"), 1, "before its first line was whole it has made nothing, and the notes can go");
    }

    #[test]
    fn of_two_that_make_one_instance_at_once_the_later_one_hears_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let instance = |launch: &str| Made::Instance { name: "c1".into(), launch: launch.into() };
        let (first, second, elsewhere) =
            (ledger(dir.path(), "p"), ledger(dir.path(), "p"), ledger(dir.path(), "other"));
        first.push(instance("a"));
        // the labels settle what one tick of the clock does not
        second.push(instance("b"));
        elsewhere.push(instance("c"));
        assert!(!first.another_makes("c1", "a"));
        assert!(second.another_makes("c1", "b"));
        assert!(!second.another_makes("c2", "b"));
        assert!(!elsewhere.another_makes("c1", "c"), "it is in another project");
        first.forget(&instance("a"));
        assert!(!second.another_makes("c1", "b"));
    }

    #[test]
    fn what_is_kept_is_not_found_by_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let done = ledger(dir.path(), "p");
        done.push(image("a"));
        done.keep();
        drop(done);
        assert!(ledger(dir.path(), "p").abandoned().is_empty());
    }

    #[test]
    fn a_home_that_cannot_be_written_stops_nothing() {
        let ledger = ledger(Path::new("/proc/nothing"), "p");
        ledger.push(image("a"));
        assert_eq!(ledger.take(), [image("a")]);
    }
}
