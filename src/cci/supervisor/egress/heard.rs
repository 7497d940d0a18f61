//! What the agent hears after each use of a tool: what was refused meanwhile, and what its person can do.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, StatusCode};
use serde_json::json;

use super::record::Record;
use super::refusals::Refused;
use super::rules::Rules;
use super::why::still;
use crate::supervisor::http::{Answer, answer};

/// So many are told: it goes into the agent's context.
const MOST: usize = 5;

/// What was refused since this was asked last, as a text for the agent; nothing where nothing was.
pub(in crate::supervisor) fn heard(record: &Record, rules: &Rules, container: &str) -> Answer {
    let refused = still(record.untold(), rules);
    if refused.is_empty() {
        silent()
    } else {
        answer(StatusCode::OK, &json!({ "context": text(&refused, rules, container) }))
    }
}

/// There is nothing to tell.
pub(in crate::supervisor) fn silent() -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// The newest first.
fn text(refused: &[Refused], rules: &Rules, container: &str) -> String {
    let lines = refused.iter().rev().take(MOST).map(|refused| line(refused, rules, container));
    let more = match refused.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("\n- and {more} more: `cci-why` lists them"),
    };
    format!("cci refused connections of this container just now:{}{more}", lines.collect::<String>())
}

fn line(Refused { refusal, times, .. }: &Refused, rules: &Rules, container: &str) -> String {
    let refusal = rules.told(refusal);
    let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
    let way_out = match refusal.allowable() {
        Some(host) => format!(
            "Nothing in the container can allow it. The person who runs it can: `cci network allow {container} {host} --for 30m`"
        ),
        None => refusal.way_out(container),
    };
    format!("\n- {}{times}. {way_out}", refusal.told())
}
