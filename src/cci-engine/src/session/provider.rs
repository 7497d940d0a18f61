//! The provider that the caller's own agent goes to instead of its own API, which its sessions go to as well.

use cci_agent::{Login, Provided};
use cci_core::{Error, Result};
use serde_json::Value;

use crate::context::Context;

/// Where a login of Google's is renewed.
pub(super) const GOOGLE: &str = "https://oauth2.googleapis.com/token";

/// The provider that the caller's own agent goes to: its settings count more than the environment.
pub(super) fn chosen(cx: &Context, login: &dyn Login, settings: &Value) -> Result<Option<(String, Provided)>> {
    let home = cx.caller.home.to_str();
    let said = |name: &str| {
        let of_caller = || if name == "HOME" { home } else { cx.caller.var(name) };
        settings["env"][name].as_str().or_else(of_caller).map(str::to_owned)
    };
    login.provided(&said, settings).map_err(|unfit| Error::Config {
        problem: format!("{} on this host is not {}", unfit.variable, unfit.wanted),
        hint: Some(format!("the agent's requests cannot go where it says: set {}, or nothing of it", unfit.variable)),
    })
}
