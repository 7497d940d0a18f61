//! An agent asks its person for a host: it is shown, bounded, and answered by `network allow` alone.

use std::net::Ipv4Addr;
use std::path::Path;

use cci_core::network::Allowance;
use cci_core::session::SessionId;
use cci_host::store::run_dir::{EgressNote, HostRequest};
use serde_json::{Value, json};

use super::egress::{get, note, served};
use super::world::{World, request};
use crate::supervisor::ask::Ask;
use crate::supervisor::egress::Asked;

const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;

async fn ask(socket: &Path, about: Value) -> (u16, Value) {
    request(socket, "POST /ask", &about.to_string()).await.unwrap()
}

fn requests(world: &World, session: SessionId) -> Vec<HostRequest> {
    let run = world.place.sessions();
    run.noted(session).map(|watched| run.requests(&watched)).unwrap_or_default()
}

fn asking() -> EgressNote {
    EgressNote { ask: true, ..note(ONE, &["listed.example"]) }
}

#[tokio::test]
async fn what_an_agent_asks_for_waits_for_its_person() {
    let world = World::new();
    let session = world.session_with_egress(1, asking());
    let run = world.place.sessions();
    let entries =
        || run.requests(&run.noted(session).unwrap()).into_iter().map(|request| request.entry).collect::<Vec<_>>();
    let test = async {
        served(ONE).await;
        let socket = world.socket(session);
        let (status, told) =
            ask(&socket, json!({ "host": "B.example", "reason": "the tests\u{1b}[2J\nneed it" })).await;
        let command = "cci network allow cci-0a-1 b.example:80,443";
        assert_eq!((status, told), (202, json!({ "asked": true, "command": command })));
        assert_eq!(ask(&socket, json!({ "host": "b.example" })).await.0, 202, "once is enough");
        assert_eq!(ask(&socket, json!({ "host": "c.example:443" })).await.0, 202);
        assert_eq!(entries(), ["b.example:80,443", "c.example:443"]);
        assert_eq!(run.requests(&run.noted(session).unwrap())[0].reason, "the tests[2Jneed it");
        assert!(get(ONE, "b.example").await.starts_with("HTTP/1.1 403 "), "asking allows nothing");
        assert_eq!(ask(&socket, json!({ "host": "listed.example" })).await, (200, json!({ "allowed": true })));
        for unclear in ["*.b.example", "198.51.100.1", "b.example:22", "a b", ""] {
            assert_eq!(ask(&socket, json!({ "host": unclear })).await.0, 400, "{unclear}");
        }
        let allowance = Allowance::of("c.example", None).unwrap();
        Ask(&world.place).allow(&Asked { session, allowance }).await.unwrap();
        assert_eq!(entries(), ["b.example:80,443"], "the other one is answered");
    };
    world.while_it_runs(test).await;
    let record = std::fs::read_to_string(world.place.cci_dir().join(format!("audit/{session}.jsonl"))).unwrap();
    let asked = r#"{"event":"asked","entry":"b.example:80,443","reason":"the tests[2Jneed it"}"#;
    assert_eq!(record.matches(asked).count(), 1, "{record}");
}

#[tokio::test]
async fn so_many_are_asked_for_and_no_more() {
    let world = World::new();
    let session = world.session_with_egress(1, asking());
    let test = async {
        served(ONE).await;
        let socket = world.socket(session);
        let mut last = 0;
        for number in 0..21 {
            last = ask(&socket, json!({ "host": format!("n{number}.example") })).await.0;
        }
        assert_eq!((last, requests(&world, session).len()), (429, 20));
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn an_agent_that_may_not_ask_is_told_what_its_person_can_do() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        let (status, told) = ask(&world.socket(session), json!({ "host": "b.example:443" })).await;
        assert_eq!(status, 403);
        assert_eq!(told["error"]["command"], "cci network allow cci-0a-1 b.example:443");
    };
    world.while_it_runs(test).await;
    assert!(requests(&world, session).is_empty());
}
