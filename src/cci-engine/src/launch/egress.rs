//! Connections of a container that are judged by name: noted for the caller's supervisor, and taken in before what runs in
//! the container begins.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use cci_core::idmap::Ids;
use cci_core::mark::Marks;
use cci_core::network::{DOORS, Entry, INHERIT, Mode, ProxyVariables, Upstreams};
use cci_core::plan::LaunchPlan;
use cci_core::session::SessionId;
use cci_core::settings::{Auto, CheckpointSettings};
use cci_core::slot::Slot;
use cci_core::{Error, Result};
use cci_host::store::run_dir::{EgressNote, MachineNote, Owner, RunDir, Watched};
use cci_incus::Instance;

use super::session::{new_session_id, store};
use crate::blocking::blocking;
use crate::context::Context;

/// A note for the supervisor in which there is nothing to do yet.
pub(crate) fn blank(cx: &Context, session: SessionId, owner: Ids) -> Watched {
    let none = CheckpointSettings { auto: Auto::Off, interval_minutes: 0, ..cx.settings.checkpoints.clone() };
    Watched {
        session,
        launch: None,
        sockets: false,
        workspace: cx.workspace.path().to_owned(),
        tool: cx.settings.tool.name.clone(),
        profile: cx.settings.profile.clone(),
        endpoint: cx.client.endpoint().to_owned(),
        project: cx.client.project().to_owned(),
        prefix: cx.prefix.as_str().to_owned(),
        state: store(cx).state_dir(session),
        sessions_dir: cx.caller.var("CCI_SESSIONS_DIR").map(|dir| cx.caller.current_dir.join(dir)),
        machine: MachineNote::default(),
        owner: Owner { uid: owner.uid, gid: owner.gid },
        login: None,
        secrets: None,
        ssh: None,
        egress: None,
        checkpoints: none,
    }
}

/// What a launch made, for its record.
pub(crate) fn machine(plan: &LaunchPlan, container: &str) -> MachineNote {
    MachineNote {
        container: container.to_owned(),
        image: plan.image().to_owned(),
        network: plan.network.to_string(),
        launch: plan.launch().to_owned(),
    }
}

/// The way out of the container of a slot, if its policy judges connections by name.
pub(crate) fn way_out(cx: &Context, plan: &LaunchPlan, container: &str, slot: Slot) -> Result<Option<EgressNote>> {
    let Some(policy) = plan.policy().filter(|policy| policy.is_named()) else { return Ok(None) };
    let (Some(subnet), Some(address)) = (plan.subnet(), plan.address(slot)) else {
        return Err(Error::HostUnfit {
            problem: format!("network {} has no address left, by which {container} would be known", policy.name()),
            hint: Some("stop containers with the same allowed names, or list one name more or less".into()),
        });
    };
    Ok(Some(EgressNote {
        container: container.to_owned(),
        address,
        doors: BTreeMap::from(DOORS.map(|(port, door)| (port, SocketAddr::from((subnet.gateway, door))))),
        allowed: policy.by_name().map(Entry::to_string).collect(),
        hosts: policy.services_by_name().map(|service| service.placed(subnet.gateway).to_string()).collect(),
        proxy: proxies(cx)?,
        resolver: policy.resolver(),
        ask: cx.settings.network.ask,
        learns: policy.mode() == Mode::Learn,
        withholds_local: policy.withholds_local(),
    }))
}

/// The proxies that connections go out through. An environment is that of the launch: the supervisor outlives shells.
fn proxies(cx: &Context) -> Result<Option<ProxyVariables>> {
    let Some(proxy) = &cx.settings.network.proxy else { return Ok(None) };
    let variables = match proxy.as_str() {
        INHERIT => ProxyVariables::of(|name| cx.caller.var(name)),
        url => ProxyVariables::always(url),
    };
    let read = Upstreams::read(&variables);
    read.map_err(|error| Error::Config {
        problem: format!("network.proxy: {error}"),
        hint: Some("look at http_proxy, https_proxy and all_proxy in your environment".into()),
    })?;
    Ok(Some(variables))
}

/// Waits until the supervisor takes in what is noted.
pub(crate) async fn taken_in(cx: &Context, session: SessionId) -> Result<()> {
    cx.supervision.serves(session).await.map_err(|error| Error::StepFailed {
        step: "opening the way to the allowed names".into(),
        problem: error.to_string(),
        hint: Some("`cci supervisor logs` says more; addresses in network.allowed_domains need no supervisor".into()),
    })
}

/// The way out of a container that has no conversation, as it is noted.
pub(crate) struct Opened(RunDir, Watched);

/// Opens it, if the container's policy judges connections by name.
pub(crate) async fn open(cx: &Context, plan: &LaunchPlan, container: &str, slot: Slot) -> Result<Option<Opened>> {
    let Some(egress) = way_out(cx, plan, container, slot)? else { return Ok(None) };
    let session = new_session_id();
    let (launch, machine) = (Some(plan.launch().to_owned()), machine(plan, container));
    let watched = Watched { launch, machine, egress: Some(egress), ..blank(cx, session, cx.caller.ids) };
    let opened = Opened(RunDir::of(&cx.cci_dir()), watched);
    let (run, noted) = (opened.0.clone(), opened.1.clone());
    blocking(move || run.make().and_then(|()| run.watch(&noted))).await?;
    match taken_in(cx, session).await {
        Ok(()) => Ok(Some(opened)),
        Err(error) => {
            opened.close().await;
            Err(error)
        }
    }
}

/// The same for a container that is started by itself after a stop: what it was launched with is noted.
pub(crate) async fn reopen(cx: &Context, instance: &Instance) -> Result<()> {
    let (run, marks) = (RunDir::of(&cx.cci_dir()), Marks::from_config(&instance.config));
    let Some(marks) = marks.filter(|marks| marks.owner_uid == cx.caller.ids.uid) else { return Ok(()) };
    let noted = blocking(move || {
        let is_its = |noted: &Watched| match &noted.launch {
            Some(launch) => *launch == marks.launch,
            None => marks.session == Some(noted.session),
        };
        let noted = run.watched().into_iter().chain(run.kept()).find(is_its).filter(|noted| noted.egress.is_some());
        noted.map(|noted| run.watch(&noted).map(|()| noted.session)).transpose()
    });
    match noted.await? {
        Some(session) => taken_in(cx, session).await,
        None => Ok(()),
    }
}

impl Opened {
    /// Closes it with its container; if that fails, the supervisor finds out by itself.
    pub(crate) async fn close(self) {
        let Self(run, watched) = self;
        let _ = blocking(move || {
            run.forget(&watched);
            Ok(())
        })
        .await;
    }
}
