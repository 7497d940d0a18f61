//! Changing an instance: its settings, its state, its name, its removal.

use cci_incus_types::Devices;
use serde::Serialize;
use serde_json::json;

use super::{Config, Instance};
use crate::{
    client::Client,
    error::Result,
    operation::Operation,
    request::{Etag, Request},
};

/// What to change; everything else is kept, including other keys of a map.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct InstancePatch {
    /// Keys to set; an empty value removes a key.
    #[serde(skip_serializing_if = "Config::is_empty")]
    pub config: Config,
    /// Devices to add or to replace.
    #[serde(skip_serializing_if = "Devices::is_empty")]
    pub devices: Devices,
    /// Whether Incus deletes it when it stops; can be changed while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<bool>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Profiles, lowest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<Vec<String>>,
}

/// Everything about an instance that can be changed; what is left out is removed.
///
/// With the version that was read it does not overwrite what somebody else has changed since:
///
/// ```
/// use cci_incus::{InstancePut, NewInstance, Source, fake};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// # let daemon = fake::Daemon::start();
/// # let client = daemon.client();
/// # client.create_instance(&NewInstance::new("c1", Source::Empty)).await?;
/// let (instance, etag) = client.instance("c1").await?;
/// let mut put = InstancePut::from(instance);
/// put.config.insert("user.note".into(), "1".into());
/// client.put_instance("c1", &put, Some(&etag)).await?.wait("configure the container", fake::PATIENCE).await?;
///
/// let late = client.put_instance("c1", &put, Some(&etag)).await.unwrap_err();
/// assert!(late.is_precondition_failed());
/// # Ok::<(), cci_incus::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Instance")]
pub struct InstancePut {
    pub architecture: String,
    pub config: Config,
    pub devices: Devices,
    pub ephemeral: bool,
    pub description: String,
    pub profiles: Vec<String>,
    pub stateful: bool,
}

impl From<Instance> for InstancePut {
    fn from(instance: Instance) -> Self {
        Self {
            architecture: instance.architecture,
            config: instance.config,
            devices: instance.devices,
            ephemeral: instance.ephemeral,
            description: instance.description,
            profiles: instance.profiles,
            stateful: instance.stateful,
        }
    }
}

/// What to do with a running or stopped instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum StateAction {
    Start,
    Stop,
    Restart,
    Freeze,
    Unfreeze,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateChange {
    /// What to do.
    pub action: StateAction,
    /// Seconds that a graceful stop may take before it fails; `None` for no limit.
    pub timeout_secs: Option<u32>,
    /// Whether to kill instead of asking.
    pub force: bool,
    /// Whether to save or to restore the running state.
    pub stateful: bool,
}

impl StateChange {
    /// The action as it is, gracefully and without a limit.
    #[must_use]
    pub fn new(action: StateAction) -> Self {
        Self { action, timeout_secs: None, force: false, stateful: false }
    }

    /// A start.
    #[must_use]
    pub fn start() -> Self {
        Self::new(StateAction::Start)
    }

    /// A stop that asks the instance and fails if it has not stopped after this many seconds.
    #[must_use]
    pub fn stop_within(secs: u32) -> Self {
        Self { timeout_secs: Some(secs), ..Self::new(StateAction::Stop) }
    }

    /// A stop that does not ask the instance.
    #[must_use]
    pub fn kill() -> Self {
        Self { force: true, ..Self::new(StateAction::Stop) }
    }
}

impl Client {
    /// Changes some of an instance's settings (`PATCH /1.0/instances/NAME`).
    ///
    /// With an etag it fails with [`crate::Error::PreconditionFailed`] if the instance has changed since.
    pub async fn patch_instance(&self, name: &str, patch: &InstancePatch, etag: Option<&Etag>) -> Result<()> {
        self.settle(&patched(name, patch).unchanged_since(etag)).await
    }

    /// Replaces all of an instance's settings (`PUT /1.0/instances/NAME`).
    pub async fn put_instance(&self, name: &str, put: &InstancePut, etag: Option<&Etag>) -> Result<Operation> {
        self.start(&replaced(name, put).unchanged_since(etag)).await
    }

    /// Starts, stops, restarts, freezes or unfreezes (`PUT /1.0/instances/NAME/state`).
    pub async fn change_state(&self, name: &str, change: &StateChange) -> Result<Operation> {
        self.start(&state(name, change)).await
    }

    /// Deletes a stopped instance (`DELETE /1.0/instances/NAME`); a running one is refused.
    pub async fn delete_instance(&self, name: &str) -> Result<Operation> {
        self.start(&deleted(name)).await
    }
}

fn patched(name: &str, patch: &InstancePatch) -> Request {
    Request::patch(["instances", name], format!("change instance {name}")).json(patch)
}

fn replaced(name: &str, put: &InstancePut) -> Request {
    Request::put(["instances", name], format!("change instance {name}")).json(put)
}

fn state(name: &str, change: &StateChange) -> Request {
    let verb = match change.action {
        StateAction::Start => "start",
        StateAction::Stop => "stop",
        StateAction::Restart => "restart",
        StateAction::Freeze => "freeze",
        StateAction::Unfreeze => "unfreeze",
    };
    Request::put(["instances", name, "state"], format!("{verb} instance {name}")).json(&json!({
        "action": change.action,
        "timeout": change.timeout_secs.map_or(-1, i64::from),
        "force": change.force,
        "stateful": change.stateful,
    }))
}

fn deleted(name: &str) -> Request {
    Request::delete(["instances", name], format!("delete instance {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_holds_only_what_changes() {
        let patch = InstancePatch { ephemeral: Some(false), ..InstancePatch::default() };
        assert_eq!(patched("c1", &patch).body.object(), json!({"ephemeral": false}));
    }

    #[test]
    fn a_change_is_bound_to_the_version_that_was_read() {
        let etag = Etag("abc".into());
        let request = patched("c1", &InstancePatch::default()).unchanged_since(Some(&etag));
        assert_eq!(request.if_match, Some(etag));
    }

    #[test]
    fn a_graceful_stop_has_a_timeout_and_a_kill_has_force() {
        let graceful = state("c1", &StateChange::stop_within(60)).body.object();
        assert_eq!(graceful, json!({"action": "stop", "timeout": 60, "force": false, "stateful": false}));
        let kill = state("c1", &StateChange::kill()).body.object();
        assert_eq!(kill, json!({"action": "stop", "timeout": -1, "force": true, "stateful": false}));
    }

    #[test]
    fn what_was_read_can_be_put_back() {
        let instance = Instance { ephemeral: true, profiles: vec!["p".into()], ..Instance::default() };
        let put = InstancePut::from(instance);
        assert_eq!((put.ephemeral, put.profiles), (true, vec!["p".to_owned()]));
    }
}
