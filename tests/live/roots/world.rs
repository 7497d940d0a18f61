//! A host whose use-cases are called in this process: the verbs on top of them have tests of their own.

use std::io;
use std::sync::Arc;

use cci_core::Result;
use cci_core::checkpoint::{CheckpointId, Root};
use cci_core::idmap::Ids;
use cci_core::name::Prefix;
use cci_core::network::Allowance;
use cci_core::plan::{Ask, LaunchPlan, Roots};
use cci_core::session::SessionId;
use cci_core::slot::{Slot, SlotChoice};
use cci_core::workspace::Workspace;
use cci_engine::checkpoint::{root, roots};
use cci_engine::context::Context;
use cci_engine::event::Event;
use cci_engine::instance::remove::remove_any;
use cci_engine::launch::{self, Launched, Subject, Survey};
use cci_engine::ledger::{Ledger, Server};
use cci_engine::reporter::Reporter;
use cci_engine::roll_back::on_failure;
use cci_engine::scope::Scope;
use cci_engine::supervision::Supervision;
use cci_host::caller::Caller;
use cci_host::incus_socket;
use cci_host::settings::{Overrides, Stack, Trust};
use futures_util::future::LocalBoxFuture;
use tokio_util::sync::CancellationToken;

use crate::support::host::{Host, ROOT, incus};

/// Hears nothing.
struct Silent;

impl Reporter for Silent {
    fn emit(&self, _: Event) {}
}

/// Serves nothing: no container here asks for a name.
struct NoSupervisor;

impl Supervision for NoSupervisor {
    fn serves(&self, _: SessionId) -> LocalBoxFuture<'_, io::Result<()>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn allow(&self, _: SessionId, _: Allowance) -> LocalBoxFuture<'_, io::Result<()>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// A host of whoever runs the tests: what these calls write is the caller's.
pub(super) fn host() -> Host {
    Host::live(ROOT)
}

/// A call of a use-case, as the command line would make it.
pub(super) fn context(host: &Host) -> Context {
    let caller = Caller {
        ids: Ids { uid: host.user.uid, gid: host.user.gid() },
        home: host.home.clone(),
        current_dir: host.proj.clone(),
        is_current_dir_gone: false,
        umask: cci_guest::umask::Umask::default(),
        environment: host.environment().into_iter().collect(),
        not_text: [].into(),
    };
    let workspace = Workspace::at(&host.proj);
    let overrides = Overrides::default();
    let stack = Stack::read(&caller, &workspace, None, &overrides, Trust::Judged).unwrap();
    let settings = stack.settings().unwrap();
    let client = incus_socket::client(&caller, &settings);
    let server = Server { endpoint: client.endpoint().to_owned(), project: client.project().to_owned() };
    let ledger = Ledger::new(caller.home.join(".cci/unfinished"), server);
    Context {
        client,
        settings,
        stack,
        caller,
        workspace,
        prefix: Prefix::parse(&host.prefix).unwrap(),
        environment: [].into(),
        any_owner: false,
        reporter: Arc::new(Silent),
        supervision: Arc::new(NoSupervisor),
        scope: Scope::new(CancellationToken::new(), ledger),
    }
}

/// Runs a use-case to its end.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// An id that no other test has.
pub(super) fn id() -> CheckpointId {
    CheckpointId::from_random(uuid::Uuid::new_v4().as_u64_pair().0)
}

/// Starts a shell in a container in the background, as a session has it.
#[track_caller]
pub(super) fn session(host: &Host, more: &[&str]) -> String {
    let args = ["shell", "--background", "--debug"].iter().chain(more).copied().collect::<Vec<_>>();
    host.cci(&args).ok().stdout.split_whitespace().next().unwrap().to_owned()
}

/// What a command in a container prints.
#[track_caller]
pub(super) fn inside(host: &Host, container: &str, script: &str) -> String {
    incus(&["exec", "--project", &host.project, container, "--", "bash", "-c", script])
}

/// Waits until a container has booted: what it writes until then is no change of anybody's.
#[track_caller]
pub(super) fn booted(host: &Host, container: &str) {
    let up = "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait";
    assert_eq!(inside(host, container, up), "running\n");
}

/// Keeps the root file system of a container.
pub(super) async fn keep(cx: &Context, container: &str, id: &CheckpointId) -> Result<Root> {
    on_failure(cx, keep_without_end(cx, container, id)).await
}

/// The same, without the end of the call that does it.
pub(super) async fn keep_without_end(cx: &Context, container: &str, id: &CheckpointId) -> Result<Root> {
    let subject = root::subject(cx, container).await?;
    root::kept(root::copied(root::prepared(cx, &subject, id).await?).await?).await
}

/// What a launch into the workspace is decided by.
pub(super) async fn planned(cx: &Context) -> Result<(Survey, LaunchPlan)> {
    let survey = launch::survey(cx, Subject::Workspace).await?;
    let ask = Ask {
        sockets: None,
        roots: Roots::OfImage,
        login: std::collections::BTreeMap::new(),
        prefix: cx.prefix.clone(),
        workspace: cx.workspace.clone(),
        owner_uid: cx.caller.ids.uid,
        launch: launch::launch_mark(),
        session: None,
        environment: cx.environment.clone(),
    };
    let plan = LaunchPlan::new(&ask, &cx.settings, &survey.host)?;
    Ok((survey, plan))
}

/// Puts a container with a kept root file system into the first slot, in the place of the one that there is.
pub(super) async fn restore(cx: &Context, id: &CheckpointId, root: &Root) -> Result<Launched> {
    on_failure(cx, async {
        let original = roots::original(cx, id, root).await?;
        let (_, replaced) = planned(cx).await?;
        remove_any(&cx.client, &replaced.name(Slot::FIRST).to_string()).await?;
        let (survey, plan) = planned(cx).await?;
        launch::claim(cx, &plan, SlotChoice::Exactly(Slot::FIRST), &survey.from_root(original)).await
    })
    .await
}
