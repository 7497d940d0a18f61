//! Keeps a policy's rules up to date: names that move, addresses that the host gets.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use cci_core::Result;
use cci_core::network::{Allowance, Policy, Service};
use cci_incus::{Acl, AclPut, Client, Etag};
use jiff::Timestamp;

use super::acl::{self, Known};
use super::project::networks;
use super::{beside, bridge, host_names, lookup};
use crate::blocking::blocking;
use crate::context::Context;
use crate::incus_error::DuringStep;
use crate::retry::Retry;
use cci_host::store::network_cache;

const STEP: &str = "refresh the network's rules";
/// How often a change is tried.
const TRIES: u32 = 6;

/// When to look names up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// When they are older than the settings allow.
    ByAge,
    /// Now.
    Now,
}

/// What a refresh found.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct Refreshed {
    /// The policy's name.
    pub policy: String,
    /// How many names it has.
    pub names: usize,
    /// Those whose addresses changed.
    pub changed: Vec<String>,
    /// Those that were not found and keep their addresses.
    pub not_found: Vec<String>,
}

/// Refreshes every allowlist that is in Incus.
pub async fn refresh_all(cx: &Context) -> Result<Vec<Refreshed>> {
    refresh_each(cx, Due::Now).await
}

/// Refreshes what is due, during any command; errors are only logged, because the command has its own work.
///
/// A file on the disk records when this user's cci last looked, so that a command in between makes no request.
pub async fn on_occasion(cx: &Context) {
    let (dir, minutes) = (cx.cci_dir(), cx.settings.network.refresh_interval_minutes);
    let due = blocking(move || Ok(network_cache::take_turn(&dir, SystemTime::now(), minutes))).await;
    if !matches!(due, Ok(true)) {
        return;
    }
    if let Err(error) = refresh_each(cx, Due::ByAge).await {
        tracing::warn!(%error, "the network's names were not refreshed");
    }
}

async fn refresh_each(cx: &Context, due: Due) -> Result<Vec<Refreshed>> {
    let client = networks(cx);
    let mut refreshed = Vec::new();
    for found in client.acls().await.during(STEP)? {
        let Some(policy) = acl::policy(&found).filter(|policy| policy.name().bridge() == found.name) else { continue };
        let Some((found, etag)) = acl_of(&client, &found.name).await? else { continue };
        refreshed.extend(bring_up_to_date(cx, &policy, (&found, &etag), None, due).await?.names);
    }
    Ok(refreshed)
}

/// An ACL, if it is still there. Incus finds none either while what uses it is being removed, so it is asked again.
async fn acl_of(client: &Client, name: &str) -> Result<Option<(Acl, Etag)>> {
    let mut retry = Retry::up_to(3);
    loop {
        match client.acl(name).await {
            Err(error) if error.is_not_found() => {
                if !retry.again(STEP, &error).await {
                    return Ok(None);
                }
            }
            found => return found.during(STEP).map(Some),
        }
    }
}

/// Refreshes by age while a session is attached; nothing is written to the terminal.
pub async fn while_attached(cx: &Context) -> Infallible {
    let minutes = cx.settings.network.refresh_interval_minutes;
    if minutes == 0 {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(u64::from(minutes) * 60));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(error) = refresh_all(cx).await {
            tracing::warn!(%error, "the network's names were not refreshed");
        }
    }
}

/// The result of bringing a policy's rules up to date.
pub(super) struct Updated {
    /// The result for the names, if they were looked up.
    names: Option<Refreshed>,
    /// Whether the rules were not those of the policy, apart from its names' addresses.
    pub(super) were_others: bool,
}

/// Puts the policy's current rules into force, if they are not. `gateway` is where its bridge has doors, if that is known.
///
/// The ACL comes first and keeps the earlier addresses, then the name server: lookups in between are let through.
pub(super) async fn bring_up_to_date(
    cx: &Context,
    policy: &Policy,
    (found, etag): (&Acl, &Etag),
    gateway: Option<Ipv4Addr>,
    due: Due,
) -> Result<Updated> {
    let (client, name, before) = (networks(cx), policy.name(), Known::of(found));
    let names: Vec<String> = policy.names().map(str::to_owned).collect();
    let look = !names.is_empty() && (due == Due::Now || is_old(&before, cx.settings.network.refresh_interval_minutes));
    let (known, report) = if look {
        let answers = lookup::reachable(cx, &names, policy.resolver()).await;
        let not_found = names.iter().filter(|name| !answers.contains_key(*name)).cloned().collect();
        let resolved = before.resolved.refreshed(answers);
        let moved = |name: &&String| resolved.current.get(*name) != before.resolved.current.get(*name);
        let changed = names.iter().filter(moved).cloned().collect();
        let report = Refreshed { policy: name.to_string(), names: names.len(), changed, not_found };
        (Known { resolved, refreshed: Some(host_names::now()), ..before.clone() }, Some(report))
    } else {
        (before.clone(), None)
    };
    let (host, allowed) = (host_names::host_names(cx, policy).await?, still_allowed(cx, policy, &before).await?);
    let known = Known { host, allowed, gateway: gateway.or(known.gateway), ..known };
    let own = cx.site().own_addresses();
    let as_known = acl::acl(policy, &before, &own);
    let brought = Updated { names: report, were_others: !acl::is_same(found, &as_known) };
    let wanted = acl::acl(policy, &known, &own);
    let answers = known.answers(policy);
    // noted in the ACL once it is done
    let moved = known.gateway != before.gateway && policy.services().any(Service::is_on_host);
    if let (Some(answers), true) = (&answers, moved || known.host != before.host) {
        bridge::keep_names(&client, &name, answers).await?;
    }
    if !acl::is_same(found, &wanted) && !put(&client, name.bridge(), &wanted, etag.clone()).await? {
        return Ok(brought);
    }
    if let (Some(answers), true) = (&answers, look || known.allowed != before.allowed) {
        bridge::keep_names(&client, &name, answers).await?;
    }
    if known.resolved != before.resolved {
        host_names::remember(cx, policy, &known.resolved).await?;
    }
    Ok(brought)
}

/// Lets containers to the doors of a new bridge, and to what this host serves there.
pub(super) async fn let_to_gateway(cx: &Context, client: &Client, policy: &Policy, gateway: Ipv4Addr) -> Result<()> {
    let name = policy.name();
    for _ in 0..TRIES {
        // one that is just being removed again: whoever makes it next does this too
        let Some((found, etag)) = acl_of(client, name.bridge()).await? else { break };
        let before = Known::of(&found);
        if before.gateway == Some(gateway) {
            break;
        }
        let known = Known { gateway: Some(gateway), ..before };
        let wanted = acl::being_made(acl::acl(policy, &known, &cx.site().own_addresses()));
        if put(client, name.bridge(), &wanted, etag).await? {
            if let Some(answers) = known.answers(policy).filter(|_| policy.services().any(Service::is_on_host)) {
                bridge::keep_names(client, &name, &answers).await?;
            }
            break;
        }
    }
    Ok(())
}

/// Has what a container may reach beside the policy of a network resolve there.
pub(super) async fn let_resolve(cx: &Context, network: &str, allowance: &Allowance) -> Result<()> {
    let client = networks(cx);
    for _ in 0..TRIES {
        let Some((found, etag)) = acl_of(&client, network).await? else { break };
        let Some(policy) = acl::policy(&found).filter(|policy| !policy.resolves(&allowance.entry.target)) else {
            break;
        };
        let before = Known::of(&found);
        let allowed = still_allowed(cx, &policy, &before).await?.into_iter().chain([allowance.clone()]).collect();
        let known = Known { allowed, ..before };
        let wanted = acl::acl(&policy, &known, &cx.site().own_addresses());
        if put(&client, network, &wanted, etag).await? {
            if let Some(answers) = known.answers(&policy) {
                bridge::keep_names(&client, &policy.name(), &answers).await?;
            }
            break;
        }
    }
    Ok(())
}

/// What has not ended of it, neither by its time nor with its container; only who keeps the policy knows of these.
async fn still_allowed(cx: &Context, policy: &Policy, known: &Known) -> Result<BTreeSet<Allowance>> {
    if known.allowed.is_empty() {
        return Ok(BTreeSet::new());
    }
    let in_force = match policy.keeper() {
        Some(keeper) if *keeper == cx.keeper() => Some(beside::of_all(cx).await?),
        _ => None,
    };
    let now = Timestamp::now();
    let holds = |allowance: &&Allowance| {
        !allowance.is_over(now) && in_force.as_ref().is_none_or(|in_force| in_force.contains(allowance))
    };
    Ok(known.allowed.iter().filter(holds).cloned().collect())
}

/// Puts an ACL's rules into force; false if another cci was quicker with the same, or it was unused and is removed.
async fn put(client: &Client, name: &str, wanted: &AclPut, mut etag: Etag) -> Result<bool> {
    let mut retry = Retry::up_to(TRIES);
    loop {
        let error = match client.put_acl(name, wanted, Some(&etag)).await {
            Ok(()) => return Ok(true),
            Err(error) if error.is_precondition_failed() || error.is_not_found() => return Ok(false),
            Err(error) => error,
        };
        match client.acl(name).await {
            // Incus gives other errors for one that is removed while it is changed
            Err(gone) if gone.is_not_found() => return Ok(false),
            // its chain is missing while Incus sets the bridge up again
            Ok((_, now)) if retry.again(STEP, &error).await => etag = now,
            _ => return Err(error).during(STEP),
        }
    }
}

/// Whether it is time to look again; an interval of 0 means never.
fn is_old(known: &Known, minutes: u32) -> bool {
    let then = known.refreshed.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    let Some(then) = then else { return true };
    let age = Timestamp::now().duration_since(then).as_secs();
    // one in the future is of a clock that was wrong
    minutes > 0 && !(0..i64::from(minutes) * 60).contains(&age)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn names_are_looked_up_again_after_a_while_whatever_time_is_noted() {
        let at = |text: &str| Known { refreshed: Some(text.to_owned()), ..Known::default() };
        let ago = |minutes: i64| at(&(Timestamp::now() - SignedDuration::from_mins(minutes)).to_string());
        assert!(!is_old(&ago(10), 30) && is_old(&ago(31), 30) && !is_old(&ago(31), 0));
        for odd in ["", "soon", "9999-12-30T22:00:00Z", "-009999-01-02T01:59:59Z"] {
            assert!(is_old(&at(odd), u32::MAX) || odd.starts_with('-'), "{odd}");
        }
        assert!(is_old(&at("9999-12-30T22:00:00Z"), 30) && is_old(&Known::default(), 30));
    }
}
