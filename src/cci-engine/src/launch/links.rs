//! What links of the workspace lead out to: mounted where the container follows them to, if the person has let them lead
//! there. An agent can have made a link to anything: one that was not there before any container was, or that leads
//! elsewhere now, opens nothing.

use std::collections::BTreeSet;
use std::iter;
use std::path::{Path, PathBuf};

use cci_core::git_device::is_of_git;
use cci_core::host_disk::HostPath;
use cci_core::mount::{self, Mount, MountError, Protected};
use cci_core::outside_link::Outside;
use cci_core::plan::PLACE;
use cci_core::settings::OutsideLinks;
use cci_core::{Error, environment};
use cci_guest::layout::WORKSPACE;
use cci_host::outside_links::{self, Allowed, Consent};

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::{ClosedLink, LaunchEvent, WhyClosed};
use crate::site::host_path::{self, judged, leads_out, real};

/// How many places are mounted.
const MOST: usize = 32;

/// What a launch makes of the links.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    /// The places that are mounted.
    pub(super) mounts: Vec<Mount>,
    closed: Vec<ClosedLink>,
    is_cut: bool,
    /// Whether they are noted by this launch.
    is_first: bool,
}

impl Links {
    /// Reports what is open from now on, and what stays closed.
    pub(super) fn tell(&self, cx: &Context) {
        if self.is_first && !self.mounts.is_empty() {
            let targets = self.mounts.iter().map(|mount| mount.source.path().to_owned()).collect();
            let readonly = self.mounts.iter().all(|mount| mount.readonly);
            cx.emit(LaunchEvent::LinksShown { targets, readonly });
        }
        if !self.closed.is_empty() {
            cx.emit(LaunchEvent::LinksClosed(self.closed.clone()));
        }
        if self.is_cut {
            cx.emit(LaunchEvent::LinksNotSearched);
        }
    }

    fn close(&mut self, outside: &Outside, why: WhyClosed) {
        self.closed.push(ClosedLink { link: outside.link.clone(), target: outside.host.clone(), why });
    }
}

/// Finds the links of a workspace, and what may be mounted of what they lead to beside the `others`.
pub(super) async fn found(cx: &Context, workspace: Option<&HostPath>, others: &[Mount]) -> cci_core::Result<Links> {
    let settings = &cx.settings.workspace;
    let Some(workspace) = workspace.filter(|_| settings.outside_links != OutsideLinks::Off) else {
        return Ok(Links::default());
    };
    let (root, at_home) = (workspace.path().to_owned(), others.iter().any(|other| other.device == PLACE));
    let search = move || {
        let failed = |source| Error::Host { step: "search", path: root.clone(), source };
        outside_links::find(&root, at_home).map_err(failed)
    };
    let found = cx.scope.until_cancelled(blocking(search)).await?;
    let mut links = Links { is_cut: found.is_cut, ..Links::default() };
    if found.links.is_empty() {
        return Ok(links);
    }
    let judge = Judge {
        protected: host_path::protected(&cx.settings, &cx.caller),
        home: real(&cx.caller.home),
        root: workspace.path().to_owned(),
        written: host_path::written_places(cx).await?,
        others: others.to_vec(),
        state: environment::state(cx.settings.tool.agent()),
        readonly: settings.outside_links != OutsideLinks::Write,
    };
    let (cci_dir, workspace) = (cx.cci_dir(), cx.workspace.clone());
    let judged = move || {
        let judged: Vec<(Outside, Judged)> =
            found.links.into_iter().map(|outside| (outside.clone(), judge.judged(&outside))).collect();
        let Consent { allowed, is_first } =
            outside_links::allowed(&cci_dir, &workspace, judge.is_new(), asked(&judged))?;
        links.is_first = is_first;
        links.take(judged, &allowed, &judge);
        Ok(links)
    };
    cx.scope.until_cancelled(blocking(judged)).await
}

/// What would be mounted if all of it were allowed.
fn asked(judged: &[(Outside, Judged)]) -> impl Iterator<Item = Allowed> {
    judged.iter().filter_map(|(outside, judged)| match judged {
        Judged::Fits(source) => Some(Allowed { link: outside.link.clone(), target: source.path().to_owned() }),
        _ => None,
    })
}

/// What may be mounted of one link.
enum Judged {
    /// Nothing, and nobody misses it.
    Passed,
    /// Nothing.
    Closed(WhyClosed),
    /// This, with the person's consent.
    Fits(HostPath),
}

struct Judge {
    protected: Vec<Protected>,
    home: PathBuf,
    root: PathBuf,
    /// Where containers can have put links.
    written: Vec<PathBuf>,
    /// What is mounted besides.
    others: Vec<Mount>,
    /// Where the container has the conversation.
    state: String,
    readonly: bool,
}

impl Judge {
    /// Whether no container has had anything of the workspace, or of the repository that its files came from.
    fn is_new(&self) -> bool {
        let of_git = self.others.iter().filter(|other| is_of_git(&other.device)).map(|other| other.source.path());
        let meet = |one: &Path, other: &Path| one.starts_with(other) || other.starts_with(one);
        !iter::once(&*self.root).chain(of_git).any(|place| self.written.iter().any(|written| meet(written, place)))
    }

    fn judged(&self, outside: &Outside) -> Judged {
        let place = outside.container.as_path();
        // what the container has itself, as the interpreter of a virtual environment, or what the person mounts there
        let is_there = self.others.iter().any(|other| place.starts_with(&other.container));
        if is_there || !is_free(place) || !outside.host.try_exists().unwrap_or(true) {
            return Judged::Passed;
        }
        match judged(&outside.host, &self.protected) {
            Err(error) => Judged::Closed(WhyClosed::Unusable(error.to_string())),
            Ok(source) => match self.why_not(&outside.host, source.path()) {
                Some(why) => Judged::Closed(why),
                None => Judged::Fits(source),
            },
        }
    }

    /// Why something stays closed that could be mounted if the person named it.
    fn why_not(&self, wanted: &Path, source: &Path) -> Option<WhyClosed> {
        let is_hidden =
            |below: &Path| below.iter().next().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if self.root.starts_with(source) {
            return Some(WhyClosed::Around);
        }
        if source.strip_prefix(&self.home).is_ok_and(is_hidden) {
            return Some(WhyClosed::OfHome);
        }
        self.written.iter().any(|root| leads_out(wanted, source, root)).then_some(WhyClosed::Led)
    }

    /// Whether a place neither has nor is in one that is taken.
    fn collision(&self, place: &str, taken: &[Mount]) -> Result<(), MountError> {
        let taken = self.others.iter().chain(taken).map(|mount| mount.container.as_str());
        [WORKSPACE, &self.state].into_iter().chain(taken).try_for_each(|taken| mount::collide(place, taken))
    }
}

/// Whether something may be mounted at a place in the container.
fn is_free(place: &Path) -> bool {
    place.to_str().is_some_and(|place| {
        mount::container_path(place).is_ok_and(|spelled| spelled == place) && mount::check_place(place).is_ok()
    })
}

impl Links {
    /// Takes what is allowed, a place before what is in it; several links can lead to one place.
    fn take(&mut self, mut judged: Vec<(Outside, Judged)>, allowed: &BTreeSet<Allowed>, judge: &Judge) {
        judged.sort_by(|(one, _), (other, _)| (&one.container, &one.link).cmp(&(&other.container, &other.link)));
        for (outside, judged) in judged {
            let source = match judged {
                Judged::Passed => continue,
                Judged::Closed(why) => {
                    self.close(&outside, why);
                    continue;
                }
                Judged::Fits(source) => source,
            };
            let asked = Allowed { link: outside.link.clone(), target: source.path().to_owned() };
            if !allowed.contains(&asked) {
                self.close(&outside, WhyClosed::New);
                continue;
            }
            if self.mounts.iter().any(|mount| shows(mount, &outside.container, source.path())) {
                continue;
            }
            if self.mounts.len() == MOST {
                self.close(&outside, WhyClosed::TooMany(MOST));
                continue;
            }
            let (device, container) = (format!("link-{}", self.mounts.len()), outside.container.to_string_lossy());
            if let Err(error) = judge.collision(&container, &self.mounts) {
                self.close(&outside, WhyClosed::Unusable(error.to_string()));
                continue;
            }
            self.mounts.push(Mount { device, source, container: container.into_owned(), readonly: judge.readonly });
        }
    }
}

/// Whether a mount already shows this source at this place.
fn shows(mount: &Mount, place: &Path, source: &Path) -> bool {
    let below = place.strip_prefix(&mount.container);
    below.is_ok_and(|below| mount.source.path().join(below) == source)
}

#[cfg(test)]
mod tests;
