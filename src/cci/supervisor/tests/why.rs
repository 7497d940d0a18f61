//! What an agent is told that asks why something does not get through.

use std::net::Ipv4Addr;

use cci_core::network::Allowance;
use serde_json::{Value, json};

use super::egress::{get, note, served};
use super::world::{World, request, until};
use crate::supervisor::ask::Ask;
use crate::supervisor::egress::Asked;

const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Asks by the socket of a session.
async fn why(socket: &std::path::Path, about: Value) -> (u16, Value) {
    request(socket, "POST /why", &about.to_string()).await.unwrap()
}

#[tokio::test]
async fn an_agent_hears_what_its_own_session_was_refused_and_what_opens_it() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &["a.example:443"]));
    let two = world.session_with_egress(2, note(TWO, &[]));
    let test = async {
        served(ONE).await;
        served(TWO).await;
        let (one, two) = (world.socket(session), world.socket(two));
        get(ONE, "b.example").await;
        get(ONE, "b.example").await;
        get(TWO, "secret.example").await;
        let (status, told) = why(&one, json!({})).await;
        let last = told["refused"].as_array().unwrap().last().unwrap();
        assert_eq!((status, &last["why"], &last["times"]), (200, &json!("no rule allows b.example:80"), &json!(2)));
        let way_out = last["way_out"].as_str().unwrap();
        assert!(way_out.contains("cci network allow cci-0a-1 b.example:80 --for 30m"), "{way_out}");
        assert!(!told.to_string().contains("secret.example"), "another session's: {told}");
        assert!(why(&two, json!({})).await.1.to_string().contains("no rule allows secret.example:80"));

        let (_, about) = why(&one, json!({ "host": "a.example" })).await;
        assert_eq!(about["judged"][0]["because"], "the rule a.example:443 does not allow a.example:80");
        assert_eq!(about["judged"][1]["because"], "the rule a.example:443 allows a.example:443");
        assert_eq!((&about["judged"][1]["allowed"], &about["refused"]), (&json!(true), &json!([])));
        let (_, about) = why(&one, json!({ "host": "b.example:80" })).await;
        assert_eq!(about["judged"][0]["because"], "no rule allows b.example:80");
        assert_eq!(about["refused"].as_array().unwrap().len(), 1, "{about}");
        // what is allowed since is no longer told
        let allowance = Allowance::of("b.example:80", None).unwrap();
        Ask(&world.place).allow(&Asked { session, allowance }).await.unwrap();
        let (_, about) = why(&one, json!({ "host": "b.example" })).await;
        assert_eq!((&about["judged"][0]["allowed"], &about["refused"]), (&json!(true), &json!([])));
        assert!(!why(&one, json!({})).await.1.to_string().contains("b.example:80"));
        for unclear in ["*.example.com", "a.example:22", "198.51.100.1", "a b"] {
            let (status, told) = why(&one, json!({ "host": unclear })).await;
            assert_eq!(status, 400, "{unclear}: {told}");
        }
        let (status, told) = request(&one, "POST /why", "{").await.unwrap();
        assert_eq!((status, &told["error"]["code"]), (400, &json!("usage")));
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn where_nothing_is_judged_by_name_the_agent_is_told_so() {
    let world = World::new();
    let session = world.session(1);
    let test = async {
        let socket = world.socket(session);
        until("it answers", async || request(&socket, "POST /why", "{}").await.is_ok()).await;
        let (status, told) = why(&socket, json!({})).await;
        assert_eq!((status, &told["error"]["code"]), (409, &json!("not-judged")));
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn the_status_bar_has_a_line_about_the_last_refusal() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let notice = world.place.sessions().sockets(session).join("notice");
    std::fs::write(&notice, "left by an earlier one").unwrap();
    let test = async {
        served(ONE).await;
        let shows = |text: &str| std::fs::read_to_string(&notice).is_ok_and(|line| line == text);
        get(ONE, "b.example").await;
        let line = "refused b.example:80: cci network allow cci-0a-1 b.example:80";
        until("it is shown", async || shows(line)).await;
        // whatever the container puts there is replaced, and never followed
        std::fs::remove_file(&notice).unwrap();
        std::os::unix::fs::symlink(world.session_dir(7), &notice).unwrap();
        get(ONE, "c.example").await;
        until("it is shown again", async || shows("refused c.example:80: cci network allow cci-0a-1 c.example:80"))
            .await;
        assert!(!world.session_dir(7).exists());
    };
    world.while_it_runs(test).await;
}
