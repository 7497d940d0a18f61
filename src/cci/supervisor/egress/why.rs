//! What the agent is told when it asks why something does not get through.

use cci_core::network::{BY_NAME, Entry, HostName, Target};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::record::Record;
use super::refusals::Refused;
use super::rules::Rules;
use crate::supervisor::http::{Answer, Body, answer, refusal};

/// What was refused lately, or what decides about a host.
pub(in crate::supervisor) fn why(record: &Record, rules: &Rules, container: &str, body: &Body) -> Answer {
    let Some(asked) = body.json() else { return unclear() };
    let Some(host) = asked["host"].as_str() else {
        let refused = still(record.refused(), rules);
        return answer(StatusCode::OK, &json!({ "refused": told(&refused, rules, container) }));
    };
    let Some((name, ports)) = named(host) else { return unclear() };
    let judged: Vec<Value> = ports.into_iter().map(|port| judged(rules, container, &name, port)).collect();
    let mut refused = still(record.refused(), rules);
    refused.retain(|refused| refused.refusal.asked().is_some_and(|(asked, _)| *asked == name));
    answer(StatusCode::OK, &json!({ "judged": judged, "refused": told(&refused, rules, container) }))
}

/// What was refused, without what is allowed since.
pub(super) fn still(mut refused: Vec<Refused>, rules: &Rules) -> Vec<Refused> {
    refused.retain(|refused| match (refused.refusal.allowable(), refused.refusal.asked()) {
        (Some(_), Some((name, Some(port)))) => rules.judge(name, port).is_err(),
        _ => true,
    });
    refused
}

/// A name and those of its ports that are judged by it.
fn named(host: &str) -> Option<(HostName, Vec<u16>)> {
    let Entry { target: Target::Name(name), ports } = host.parse().ok()? else { return None };
    let ports: Vec<u16> = BY_NAME.into_iter().filter(|port| ports.contains(*port)).collect();
    (!ports.is_empty()).then_some((name, ports))
}

fn judged(rules: &Rules, container: &str, name: &HostName, port: u16) -> Value {
    let host = format!("{name}:{port}");
    match rules.judge(name, port) {
        Ok(rule) => json!({ "host": host, "allowed": true, "because": format!("the rule {rule} allows {host}") }),
        Err(refusal) => json!({
            "host": host, "allowed": false, "because": refusal.to_string(), "way_out": refusal.way_out(container),
        }),
    }
}

fn told(refused: &[Refused], rules: &Rules, container: &str) -> Vec<Value> {
    let one = |Refused { at, refusal, times, .. }: &Refused| {
        let refusal = rules.told(refusal);
        json!({ "at": at, "times": times, "why": refusal.told(), "way_out": refusal.way_out(container) })
    };
    refused.iter().map(one).collect()
}

fn unclear() -> Answer {
    refusal(
        StatusCode::BAD_REQUEST,
        "usage",
        "say about what: a name, with or without :80 or :443; other ports are not judged by name",
    )
}
