//! What an agent is told that asks why something does not get through.

use std::net::Ipv4Addr;

use cci_core::network::Allowance;
use cci_host::store::run_dir::EgressNote;
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

#[tokio::test]
async fn after_each_use_of_a_tool_an_agent_hears_once_what_was_refused_meanwhile() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &["localhost:80"]));
    let plain = world.session(2);
    let test = async {
        served(ONE).await;
        let socket = world.socket(session);
        let heard = async || request(&socket, "GET /refused", "").await.unwrap();
        let context = async || heard().await.1["context"].as_str().unwrap_or_default().to_owned();
        context().await;
        assert_eq!(heard().await, (204, Value::Null), "nothing was refused since");
        get(ONE, "b.example").await;
        get(ONE, "b.example").await;
        get(ONE, "localhost").await;
        let told = context().await;
        assert!(told.contains("- no rule allows b.example:80 (2 times). "), "{told}");
        assert!(told.contains("`cci network allow cci-0a-1 b.example:80 --for 30m`"), "{told}");
        assert!(told.contains("- localhost leads to a reserved address. ") && !told.contains("127.0.0.1"), "{told}");
        assert_eq!(heard().await.0, 204);
        // what is allowed since is not told
        get(ONE, "c.example").await;
        let allowance = Allowance::of("c.example:80", None).unwrap();
        Ask(&world.place).allow(&Asked { session, allowance }).await.unwrap();
        assert_eq!(heard().await.0, 204);
        // it goes into the agent's context, which is not for floods
        for number in 0..50 {
            get(ONE, &format!("n{number}.{}.example", "x".repeat(60))).await;
        }
        let told = context().await;
        assert!(
            told.len() < 2_500 && told.contains("n49.") && told.contains("- and 15 more"),
            "{}: {told}",
            told.len()
        );
        // however often it asks, its other requests are answered
        for _ in 0..200 {
            heard().await;
        }
        assert_eq!(why(&socket, json!({})).await.0, 200);
        assert_eq!(request(&world.socket(plain), "GET /refused", "").await.unwrap().0, 204);
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn where_the_local_network_is_withheld_an_agent_hears_nothing_of_it() {
    let world = World::new();
    let withholding = EgressNote { learns: true, withholds_local: true, ..note(ONE, &[]) };
    let session = world.session_with_egress(1, withholding);
    let test = async {
        until("it is served", async || get(ONE, "nas").await.contains("nas has no address")).await;
        for name in ["localhost", "printer.local", "unknown.invalid"] {
            let answer = get(ONE, name).await;
            assert!(
                answer.starts_with("HTTP/1.1 502 ") && answer.contains(&format!("{name} has no address")),
                "{answer}"
            );
        }
        let socket = world.socket(session);
        let told = why(&socket, json!({})).await.1.to_string();
        assert!(told.contains("localhost has no address") && !told.contains("leads to"), "{told}");
        let heard = request(&socket, "GET /refused", "").await.unwrap().1.to_string();
        assert!(heard.contains("localhost has no address") && !heard.contains("leads to"), "{heard}");
    };
    world.while_it_runs(test).await;
}
