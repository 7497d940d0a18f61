//! `network allow`: what a container may reach beside its policy, while it runs.

use cci_core::network::{Allowance, BY_NAME};
use cci_core::{Error, Result};
use jiff::{SignedDuration, Timestamp};

use super::{beside, refresh, show};
use crate::context::Context;

/// For how long something can be allowed at most: what is wanted for longer is listed.
pub const LONGEST_ALLOWED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is to be allowed.
pub struct Wish {
    /// The container.
    pub container: String,
    /// A name, or all below one, with or without `:port`.
    pub host: String,
    /// For how long; else as long as the container runs.
    pub lasts: Option<SignedDuration>,
}

/// What is allowed now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Allowed {
    /// The container.
    pub container: String,
    /// The name and the ports.
    pub entry: String,
    /// When it ends, in RFC 3339; without this with the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub until: Option<String>,
}

/// Lets a running container of the caller's reach a host, from its next request on.
pub async fn allow(cx: &Context, wish: &Wish) -> Result<Allowed> {
    let until = match wish.lasts {
        None => None,
        Some(lasts) if lasts > LONGEST_ALLOWED => return Err(too_long()),
        Some(lasts) => Some(Timestamp::now().checked_add(lasts).map_err(|_| too_long())?),
    };
    let allowance = Allowance::of(&wish.host, until).map_err(|error| Error::usage(error.to_string()))?;
    let network = show::network_of(cx, &wish.container).await?;
    let Some(watched) = beside::judged(cx, &wish.container).await? else { return Err(fixed(&wish.container)) };
    cx.supervision.allow(watched.session, allowance.clone()).await.map_err(|error| Error::StepFailed {
        step: format!("allowing {} in {}", allowance.entry, wish.container),
        problem: error.to_string(),
        hint: Some("`cci supervisor logs` says more".into()),
    })?;
    refresh::let_resolve(cx, &network, &allowance).await?;
    Ok(Allowed {
        container: wish.container.clone(),
        entry: allowance.entry.to_string(),
        until: until.map(|until| format!("{until:.0}")),
    })
}

fn fixed(container: &str) -> Error {
    let [plain, tls] = BY_NAME;
    Error::Forbidden {
        problem: format!(
            "connections of container {container} are not judged by name, so nothing can be allowed while it runs"
        ),
        hint: Some(format!(
            "start it with `--network allowlist` and a name for port {plain} or {tls} in network.allowed_domains"
        )),
    }
}

fn too_long() -> Error {
    Error::usage("--for is too long".to_owned())
}
