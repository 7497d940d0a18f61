//! The names that a shell can complete: containers, sessions, images, profiles, as they are now.

use std::path::PathBuf;
use std::time::Duration;

use cci_core::Result;
use cci_core::metadata::Metadata;
use cci_core::slot::SlotChoice;
use cci_host::store::session_worktrees::Worktrees;
use clap_complete::CompletionCandidate;
use tokio_util::sync::CancellationToken;

use super::context::{Asked, context};
use super::login::configured;
use super::runtime;
use super::secret::names;
use crate::ui::terminal::{Terminal, Voice};
use crate::ui::text;
use cci_engine::checkpoint::forks;
use cci_engine::checkpoint::log::{self, Logged};
use cci_engine::checkpoint::review::look::{Found, Whose, look};
use cci_engine::configuration::config::Configured;
use cci_engine::configuration::profile;
use cci_engine::context::Context;
use cci_engine::image::{self, Selection};
use cci_engine::incus_error::DuringStep;
use cci_engine::instance::{list, ownership};
use cci_host::settings::Overrides;

/// How long a user who pressed Tab waits, whatever Incus does.
const PATIENCE: Duration = Duration::from_millis(500);

/// A name, and its description for a shell that shows one.
struct Candidate {
    name: String,
    about: String,
}

/// The caller's containers.
pub(crate) fn containers() -> Vec<CompletionCandidate> {
    candidates(async |cx| of_containers(cx, false).await)
}

/// Those of them that are running.
pub(crate) fn running() -> Vec<CompletionCandidate> {
    candidates(async |cx| of_containers(cx, true).await)
}

/// Every container of the project, not only cci's own.
pub(crate) fn project_containers() -> Vec<CompletionCandidate> {
    candidates(async |cx| of_project(cx, "").await)
}

/// The same, with the colon that comes before a path in the container.
pub(crate) fn places() -> Vec<CompletionCandidate> {
    candidates(async |cx| of_project(cx, ":").await)
}

/// The saved sessions.
pub(crate) fn sessions() -> Vec<CompletionCandidate> {
    candidates(async |cx| {
        let saved = list::saved(cx).await?.into_iter();
        let candidate = |one: Metadata| Candidate {
            name: one.session_id.to_string(),
            about: one.workspace.to_string_lossy().into_owned(),
        };
        Ok(saved.map(candidate).collect())
    })
}

/// The checkpoints of this workspace.
pub(crate) fn checkpoints() -> Vec<CompletionCandidate> {
    candidates(async |cx| {
        let all = log::log(cx, SlotChoice::Auto, false).await?.into_iter();
        let about = |one: &Logged| if one.message.is_empty() { one.prompt.clone() } else { one.message.clone() };
        Ok(all.map(|one| Candidate { about: format!("{} {}", one.cause, about(&one)), name: one.id }).collect())
    })
}

/// What the session that was active last left in this workspace.
pub(crate) fn findings() -> Vec<CompletionCandidate> {
    candidates(async |cx| {
        let review = look(cx, &Whose::Latest).await?;
        let candidate =
            |one: &Found| Candidate { name: one.id.clone(), about: one.finding.path.to_string_lossy().into_owned() };
        Ok(review.findings.iter().map(candidate).collect())
    })
}

/// The caller's secrets.
pub(crate) fn secrets() -> Vec<CompletionCandidate> {
    let names = names::names().unwrap_or_default();
    names.into_iter().map(|name| CompletionCandidate::new(name.as_str())).collect()
}

/// The accounts of the configured agent.
pub(crate) fn accounts() -> Vec<CompletionCandidate> {
    let names = configured::names().unwrap_or_default();
    names.into_iter().map(|name| CompletionCandidate::new(name.as_str())).collect()
}

/// The forks of this workspace.
pub(crate) fn forks() -> Vec<CompletionCandidate> {
    candidates(async |cx| {
        let all = forks::all(cx).await?;
        Ok(all.iter().map(|one| Candidate { name: forks::name(one), about: one.checkpoint.to_string() }).collect())
    })
}

/// The worktrees of sessions; this needs no Incus.
pub(crate) fn worktrees() -> Vec<CompletionCandidate> {
    candidates(async |cx| {
        let all = Worktrees::all(&cx.cci_dir())?;
        let about = |one: &Worktrees| one.repositories.first().map(|part| part.branch.clone()).unwrap_or_default();
        Ok(all.into_iter().map(|one| Candidate { about: about(&one), name: one.name }).collect())
    })
}

/// Every name of an image.
pub(crate) fn images() -> Vec<CompletionCandidate> {
    candidates(async |cx| {
        let images = image::list(cx, &Selection::All).await?.into_iter();
        let named = images.flat_map(|image| {
            let about = image.description;
            image.aliases.into_iter().map(move |name| Candidate { name, about: about.clone() })
        });
        Ok(named.collect())
    })
}

/// The profiles that can be chosen; this needs no Incus.
pub(crate) fn profiles() -> Vec<CompletionCandidate> {
    let known = Configured::new(".".as_ref(), None, Overrides::default()).and_then(|cx| profile::all(&cx));
    let known = known.unwrap_or_default().into_iter();
    shown(known.map(|one| Candidate { name: one.name, about: one.description }).collect())
}

async fn of_containers(cx: &Context, only_running: bool) -> Result<Vec<Candidate>> {
    let owned = ownership::all(cx).await?.into_iter().filter(|owned| !only_running || owned.runs());
    Ok(owned.map(|owned| Candidate { about: owned.instance.status, name: owned.instance.name }).collect())
}

async fn of_project(cx: &Context, behind: &str) -> Result<Vec<Candidate>> {
    let instances = cx.client.instances().await.during("list the containers")?.into_iter();
    let instances = instances.filter(|one| !ownership::is_held(one));
    Ok(instances.map(|one| Candidate { name: one.name + behind, about: one.status }).collect())
}

/// What can be found in time; nothing if Incus is down or a file is invalid.
fn candidates(find: impl AsyncFnOnce(&Context) -> Result<Vec<Candidate>>) -> Vec<CompletionCandidate> {
    let found = silent_context().ok().and_then(|cx| {
        let found = async { tokio::time::timeout(PATIENCE, find(&cx)).await };
        runtime::carry_out(found).ok()?.ok()?.ok()
    });
    shown(found.unwrap_or_default())
}

fn silent_context() -> Result<Context> {
    let config = std::env::var_os("CCI_CONFIG").filter(|file| !file.is_empty()).map(PathBuf::from);
    let voice = Voice { quiet: true, silent: true, ..Voice::default() };
    let terminal = std::sync::Arc::new(Terminal::new(voice));
    let trust = cci_host::settings::Trust::SetAside;
    context(&Asked { config, ..Asked::default() }, &terminal, trust, CancellationToken::new())
}

fn shown(candidates: Vec<Candidate>) -> Vec<CompletionCandidate> {
    let one = |one: Candidate| {
        let about = (!one.about.is_empty()).then(|| text::shown(one.about).into());
        CompletionCandidate::new(one.name).help(about)
    };
    candidates.into_iter().map(one).collect()
}
