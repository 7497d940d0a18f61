//! The variables of the caller's environment that `defaults.forward` gives to sessions.

use std::collections::BTreeMap;

use cci_core::forward::forwarded;
use cci_core::{Error, Result};
use cci_host::secrets::Secrets;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::LaunchEvent;

/// The call with these variables; what the command line gives counts more.
///
/// No pattern takes what lets the agent in, or what a secret stands for: these stay on the host, and are used from there.
pub(super) async fn with_forwarded(cx: &Context) -> Result<Context> {
    let entries = &cx.settings.defaults.forward;
    if entries.is_empty() {
        return Ok(cx.clone());
    }
    let kept = Secrets::of(&cx.cci_dir());
    let secrets = blocking(move || kept.all()).await?;
    let login = cx.settings.tool.agent().login();
    let guarded = |name: &str| {
        login.is_some_and(|login| login.variables().contains(&name))
            || secrets.values().any(|secret| secret.variable == name)
    };
    if let Some(name) = entries.iter().find(|name| cx.caller.not_text.contains_key(*name)) {
        let problem = format!("defaults.forward: the value of {name} in the environment is not UTF-8");
        return Err(Error::Config { problem, hint: None });
    }
    let names = cx.caller.environment.keys().map(String::as_str);
    let found = forwarded(entries, names, guarded);
    let kept: Vec<String> =
        found.kept.iter().filter(|name| !cx.environment.contains_key(**name)).map(|name| (*name).to_owned()).collect();
    if !kept.is_empty() {
        cx.emit(LaunchEvent::NotForwarded(kept));
    }
    let value = |name: &str| Some((name.to_owned(), cx.caller.environment.get(name)?.clone()));
    let taken: BTreeMap<_, _> = found.names.into_iter().filter_map(value).collect();
    Ok(cx.with_environment(taken))
}
