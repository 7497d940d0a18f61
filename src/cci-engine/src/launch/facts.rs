//! The state of the host, as far as a launch depends on it.

use cci_core::environment::HostLocale;
use cci_core::host_disk::HostPath;
use cci_core::idmap::{IdmapFacts, Ids};
use cci_core::mount::Mount;
use cci_core::network::Policy;
use cci_core::plan::{GitView, HostFacts};
use cci_core::stop_hook::StopHook;
use cci_core::{Error, Result};
use cci_incus::Instance;

use super::image::Image;
use super::links::{self, Links};
use super::nic::PROFILE;
use super::policy_check::PolicyCheck;
use super::{ensure, git as repository, known_hosts, limits, mounts, nic, same_path, workspace};
use crate::blocking::blocking;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::instance::original::Original;
use crate::site::host_path;
use cci_host::{git, zone};

/// What a launch examines before it decides anything.
pub struct Survey {
    /// What decides the plan.
    pub host: HostFacts,
    /// The existing instances.
    pub(crate) instances: Vec<Instance>,
    /// The image of the container.
    pub image: Image,
    /// What is still to be verified.
    pub(crate) policy_check: PolicyCheck,
    /// What the caller's git configuration says.
    pub(crate) git: git::Found,
    /// What the workspace's links lead out to.
    pub(super) links: Links,
    /// The root file system of a checkpoint, if the container gets that instead of the image's.
    pub(crate) root: Option<Original>,
}

impl Survey {
    /// The same launch with the root file system of a checkpoint instead of an image's: nothing of its configuration and
    /// of its devices.
    #[must_use]
    pub fn from_root(self, root: Original) -> Self {
        Self { root: Some(root), ..self }
    }
}

/// What the container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The workspace, with the mounts of the settings.
    Workspace,
    /// No workspace.
    Nothing,
}

/// Asks Incus for the profile, its network, the instances and what else this launch needs, and reads the host's own
/// tables.
pub async fn survey(cx: &Context, subject: Subject) -> Result<Survey> {
    let (workspace, mounts) = match subject {
        Subject::Workspace => {
            let workspace = workspace::usable(cx)?;
            let mounted = !cx.settings.mounts.default.is_empty() || cx.settings.paths.storage_dir.is_some();
            // a link to the workspace may be in a workspace of another container
            let by_link = workspace.path() != cx.workspace.path();
            let others = if mounted || by_link { host_path::guest_places(cx).await? } else { Vec::new() };
            let mounts = mounts::resolved(&cx.settings, &cx.workspace, &others, &cx.caller)?;
            if by_link {
                let stays = |root| host_path::stays_inside(cx.workspace.path(), workspace.path(), root);
                others.iter().try_for_each(|root| stays(root))?;
            }
            (Some(workspace), mounts)
        }
        Subject::Nothing => (None, Vec::new()),
    };
    let image = Image::default();
    let (policy, nft) = (cx.policy()?, cx.site().nft());
    if nft.is_none() && policy.as_ref().is_some_and(Policy::is_named) {
        return Err(Error::HostUnfit {
            problem: "allowed names are enforced with nftables, which this host does not have".into(),
            hint: Some("install nftables, or give addresses in network.allowed_domains".into()),
        });
    }
    let (profile, instances, soon, found, stop_hook, git, shown) = tokio::join!(
        cx.client.profile(PROFILE),
        cx.client.instances(),
        image.soon(cx),
        ensure::network(cx, policy.clone()),
        stop_hook(cx),
        callers_git(cx, subject),
        shown(cx, workspace.as_ref(), mounts),
    );
    let (profile, _) = profile.during("read the default profile")?;
    let instances = instances.during("list the containers")?;
    let (git, Shown { mounts, view, links }) = (git?, shown?);
    soon?;
    let ((ensured, policy_check), stop_hook) = (found?, stop_hook?);
    let root = profile.root_disk();
    limits::check(cx, root).await?;
    let nic = nic::found(cx, ensured.as_ref(), &profile, &instances).await?;
    let other_nics = profile.nics().map(|(name, _)| name.to_owned());
    let other_nics = other_nics.filter(|name| nic.as_ref().is_none_or(|nic| nic.device != *name)).collect();
    let of_root = cx.site().subordinate_ids(cx.settings.incus.idmap)?;
    let host = HostFacts {
        idmap: IdmapFacts {
            agent: agent_ids(cx, workspace.as_ref()),
            guest: cx.settings.incus.agent_uid,
            subuid: of_root.subuid,
            subgid: of_root.subgid,
        },
        locale: HostLocale { timezone: Some(zone::name(&cx.caller)), ..cx.caller.locale() },
        author: git.author.clone(),
        policy,
        nic,
        other_nics,
        nft,
        stop_hook,
        root: root.cloned(),
        workspace,
        mounts,
        git: view,
    };
    Ok(Survey { host, instances, image, policy_check, git, links, root: None })
}

/// What a container sees of the host besides the workspace.
struct Shown {
    mounts: Vec<Mount>,
    view: GitView,
    links: Links,
}

/// Finds it, one after the other: each leaves what is there already alone.
async fn shown(cx: &Context, workspace: Option<&HostPath>, mut mounts: Vec<Mount>) -> Result<Shown> {
    let mut view = repository::view(cx, workspace, &mounts).await?;
    let others: Vec<Mount> = mounts.iter().chain(&view.mounts).cloned().collect();
    let links = links::found(cx, workspace, &others).await?;
    view.mounts.extend(same_path::also_there(&others));
    mounts.extend(links.mounts.iter().cloned().chain(known_hosts::mounted(cx)?));
    Ok(Shown { mounts, view, links })
}

/// The author of commits in this workspace.
async fn callers_git(cx: &Context, subject: Subject) -> Result<git::Found> {
    if subject == Subject::Nothing || !cx.settings.git.identity {
        return Ok(git::Found::default());
    }
    let (caller, workspace) = (cx.caller.clone(), cx.workspace.clone());
    blocking(move || Ok(git::author(&caller, workspace.path()))).await
}

/// The daemon's own stop hook, for a container that is removed when it stops; only a daemon behind a local socket has
/// one that can be known.
async fn stop_hook(cx: &Context) -> Result<Option<StopHook>> {
    if cx.settings.defaults.persistent {
        return Ok(None);
    }
    let server = cx.client.server().await.during("read the server")?;
    let socket = cx.site().socket(&cx.caller, &cx.settings);
    Ok(cx.site().stop_hook(server.environment.server_pid, &socket, cx.client.project()))
}

/// The agent's user on the host: the caller, or for root the owner of the workspace.
#[must_use]
pub fn agent_ids(cx: &Context, workspace: Option<&HostPath>) -> Ids {
    match workspace {
        Some(workspace) if cx.caller.ids.uid == 0 => workspace.owner(),
        _ => cx.caller.ids,
    }
}
