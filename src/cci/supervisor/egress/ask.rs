//! The agent asks its person to allow a host: the request is shown, and nothing else.

use cci_core::network::{Allowance, BY_NAME, Entry, Target};
use cci_host::store::run_dir::{EgressNote, HostRequest};
use hyper::StatusCode;
use serde_json::json;

use super::record::{Record, now};
use super::rules::Rules;
use crate::supervisor::http::{Answer, Body, answer, refusal};

/// How much of the agent's reason is kept.
const REASON: usize = 200;

/// Takes a request in.
pub(in crate::supervisor) async fn ask(record: &Record, rules: &Rules, note: &EgressNote, body: &Body) -> Answer {
    let asked = body.json().unwrap_or_default();
    let allowance = asked["host"].as_str().and_then(|host| Allowance::of(host, None).ok());
    let Some(entry) = allowance.map(|allowance| allowance.entry).filter(is_one_name) else {
        let problem = "say which host: {\"host\": \"HOST[:PORT]\", \"reason\": \"…\"}, a name on port 80 or 443";
        return refusal(StatusCode::BAD_REQUEST, "usage", problem);
    };
    if rules.allows(&entry) {
        return answer(StatusCode::OK, &json!({ "allowed": true }));
    }
    let (entry, command) = (entry.to_string(), format!("cci network allow {} {entry}", note.container));
    if !note.ask {
        let error = json!({
            "code": "not-allowed",
            "message": "the agent may not ask for hosts: network.ask is off; the person can allow it",
            "command": command,
        });
        return answer(StatusCode::FORBIDDEN, &json!({ "error": error }));
    }
    let reason = asked["reason"].as_str().unwrap_or_default();
    let reason: String = reason.chars().filter(|letter| !letter.is_control()).take(REASON).collect();
    match rules.requests.add(HostRequest { entry: entry.clone(), reason: reason.clone(), at: now() }).await {
        Ok(is_new) => {
            if is_new {
                record.asked(entry, reason);
            }
            answer(StatusCode::ACCEPTED, &json!({ "asked": true, "command": command }))
        }
        Err(error) => refusal(StatusCode::TOO_MANY_REQUESTS, "busy", &error.to_string()),
    }
}

/// A person can judge one name; what is below a wildcard is anything.
fn is_one_name(entry: &Entry) -> bool {
    matches!(entry.target, Target::Name(_)) && BY_NAME.iter().any(|port| entry.ports.contains(*port))
}
