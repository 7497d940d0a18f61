//! Reflogs keep what they say today and get one more line for each ref that a restore moves, so that no commit gets lost.

use std::sync::Arc;

use crate::dir::Dir;
use crate::error::{Result, at, is_full};
use crate::id::Snapshot;
use crate::meta::Time;
use crate::restore::permit;
use crate::restore::refs::{in_snapshot, in_workspace, value};
use crate::restore::run::{Now, Run};
use crate::restore::write::{Wanted, put};
use crate::scan::listing::What;

/// A reflog: where it is in its repository, which ref it is of, and its permissions.
struct Log {
    path: Vec<Vec<u8>>,
    name: Vec<u8>,
    /// Where the worktree is that it belongs to; empty for the repository's own.
    place: Vec<Vec<u8>>,
    mode: u32,
}

impl Run<'_> {
    /// Adds the lines to the reflogs of a repository, before anything else in it is restored.
    pub(crate) fn reflogs(&mut self, dir: &Arc<Dir>, ids: Snapshot, now: &Now) -> Result<()> {
        for log in logs(now) {
            let place: Vec<&[u8]> = log.place.iter().map(Vec::as_slice).collect();
            let today = value(&log.name, &place, &mut |path| in_workspace(dir, path));
            let then = value(&log.name, &place, &mut |path| in_snapshot(&mut self.reader, ids, path));
            if let (Some(today), Some(then)) = (today, then)
                && today != then
            {
                self.add_line(dir, &log, &today, &then)?;
            }
        }
        Ok(())
    }

    /// Adds one line, unless an interrupted restore has added it.
    fn add_line(&mut self, dir: &Arc<Dir>, log: &Log, today: &[u8], then: &[u8]) -> Result<()> {
        let path: Vec<&[u8]> = log.path.iter().map(Vec::as_slice).collect();
        let Some((name, above)) = path.split_last() else { return Ok(()) };
        let Some(mut bytes) = in_workspace(dir, &path) else { return Ok(()) };
        if last_value(&bytes) == Some(then) {
            return Ok(());
        }
        if bytes.last().is_some_and(|byte| *byte != b'\n') {
            bytes.push(b'\n');
        }
        let message: String = self.how.reflog.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
        bytes.extend_from_slice(&[today, then].join(&b' '));
        bytes.extend_from_slice(format!(" cci <cci@localhost> {} +0000\t{message}\n", Time::now().sec).as_bytes());

        let put = above.iter().try_fold(dir.clone(), |dir, part| dir.child(part)).and_then(|dir| {
            let fd = dir.fd()?;
            permit::changes(&*fd)?;
            Ok((dir, fd))
        });
        let (dir, fd) = match put {
            Ok(opened) => opened,
            Err(error) => {
                self.fail(dir, &path.join(&b'/'), error.into());
                return Ok(());
            }
        };
        match put_log(&fd, name, log.mode, &bytes, self)? {
            Ok(()) => self.restored.written += 1,
            Err(error) if is_full(&error) => {
                return Err(at("restore", crate::dir::path_of(dir.join(name)))(error));
            }
            Err(error) => self.fail(&dir, name, error.into()),
        }
        Ok(())
    }
}

fn put_log(
    fd: &std::os::fd::OwnedFd,
    name: &[u8],
    mode: u32,
    bytes: &[u8],
    run: &Run<'_>,
) -> Result<std::io::Result<()>> {
    put(fd, name, &Wanted { mode, mtime: None, bytes }, run.temporary)
}

/// What the last line of a reflog says that its ref became.
fn last_value(log: &[u8]) -> Option<&[u8]> {
    log.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?.split(|byte| *byte == b' ').nth(1)
}

/// The reflogs of a repository and of its linked worktrees, but for the one that is the list of stashes.
fn logs(now: &Now) -> Vec<Log> {
    let mut logs = Vec::new();
    collect(now, &[], &mut logs);
    if let Some(worktrees) = below(now, b"worktrees") {
        for entry in &worktrees.listing().entries {
            if let What::Directory(number) = entry.what {
                collect(&worktrees.below(number), &[b"worktrees".to_vec(), entry.name.to_vec()], &mut logs);
            }
        }
    }
    logs
}

/// The reflogs below `logs` of a directory.
fn collect(now: &Now, place: &[Vec<u8>], logs: &mut Vec<Log>) {
    let Some(top) = below(now, b"logs") else { return };
    let mut waiting = vec![(top, Vec::<Vec<u8>>::new())];
    while let Some((directory, path)) = waiting.pop() {
        for entry in &directory.listing().entries {
            let path = [path.as_slice(), &[entry.name.to_vec()]].concat();
            match entry.what {
                What::Directory(number) => waiting.push((directory.below(number), path)),
                What::Content(_) if entry.meta.file_type() == rustix::fs::FileType::RegularFile => {
                    let name = path.join(&b'/');
                    if name != b"refs/stash" {
                        let path = [place, &[b"logs".to_vec()], path.as_slice()].concat();
                        logs.push(Log { path, name, place: place.to_vec(), mode: entry.meta.mode });
                    }
                }
                _ => {}
            }
        }
    }
}

/// A directory in a scanned directory.
fn below(now: &Now, name: &[u8]) -> Option<Now> {
    match now.listing().find(name)?.what {
        What::Directory(number) => Some(now.below(number)),
        _ => None,
    }
}
