//! What a person allows beside a session's policy: in force at once, over in time, and known to the next supervisor.

use std::net::Ipv4Addr;
use std::time::Duration;

use cci_core::network::Allowance;
use cci_core::session::SessionId;
use cci_host::store::run_dir::{MachineNote, Watched};
use jiff::Timestamp;
use tokio::time::Instant;

use super::egress::{get, note, served};
use super::world::{World, until};
use crate::supervisor::ask::Ask;
use crate::supervisor::egress::Asked;

const ONE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn allowance(raw: &str, lasts: Option<u64>) -> Allowance {
    let until = lasts.map(|milliseconds| Timestamp::now() + Duration::from_millis(milliseconds));
    Allowance::of(raw, until).unwrap()
}

async fn allow(world: &World, session: SessionId, allowance: Allowance) -> std::io::Result<()> {
    Ask(&world.place).allow(&Asked { session, allowance }).await
}

/// Whether the rules of a session let a name through: it leads nowhere, which is found out after that.
async fn passes(from: Ipv4Addr) -> bool {
    get(from, "localhost").await.contains("localhost leads to")
}

#[tokio::test]
async fn what_is_allowed_is_reached_at_once_by_that_session_alone() {
    let world = World::new();
    let (session, _) = (world.session_with_egress(1, note(ONE, &[])), world.session_with_egress(2, note(TWO, &[])));
    let test = async {
        served(ONE).await;
        served(TWO).await;
        assert!(!passes(ONE).await);
        let began = Instant::now();
        allow(&world, session, allowance("localhost:80", None)).await.unwrap();
        assert!(passes(ONE).await, "the next request");
        assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
        assert!(!passes(TWO).await, "of the same supervisor");
        let unknown = allow(&world, SessionId::from_random([9; 16]), allowance("localhost", None)).await.unwrap_err();
        assert!(unknown.to_string().contains("not judged by name"), "{unknown}");
    };
    world.while_it_runs(test).await;
    let next = async {
        served(ONE).await;
        assert!(passes(ONE).await, "the next supervisor knows it");
    };
    world.with_version(world.version).while_it_runs(next).await;
    let record = std::fs::read_to_string(world.place.cci_dir().join(format!("audit/{session}.jsonl"))).unwrap();
    assert!(record.contains(r#"{"event":"allowed","entry":"localhost:80"}"#), "{record}");
}

#[tokio::test]
async fn what_is_allowed_for_a_while_ends_by_itself() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        allow(&world, session, allowance("localhost", Some(600))).await.unwrap();
        assert!(passes(ONE).await);
        until("it is over", async || !passes(ONE).await).await;
        // another time for the same replaces the first
        allow(&world, session, allowance("localhost", None)).await.unwrap();
        allow(&world, session, allowance("localhost", Some(300))).await.unwrap();
        until("it is over again", async || !passes(ONE).await).await;
        allow(&world, session, allowance("localhost", Some(1))).await.unwrap();
    };
    world.while_it_runs(test).await;
    let next = async {
        served(ONE).await;
        assert!(!passes(ONE).await, "what is over is nothing to the next one");
    };
    world.with_version(world.version).while_it_runs(next).await;
}

#[tokio::test]
async fn so_much_may_be_allowed_and_no_more() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        for number in 0..200 {
            allow(&world, session, allowance(&format!("n{number}.example"), None)).await.unwrap();
        }
        let more = allow(&world, session, allowance("localhost", None)).await.unwrap_err();
        assert!(more.to_string().contains("network.allowed_domains"), "{more}");
        assert!(!passes(ONE).await);
        allow(&world, session, allowance("n7.example", None)).await.unwrap();
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn what_was_allowed_ends_with_the_launch_that_it_was_for() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        allow(&world, session, allowance("localhost:80", None)).await.unwrap();
        assert!(passes(ONE).await);
        // the same conversation in the next container, with the same name and address
        let noted = world.place.sessions().noted(session).unwrap();
        let machine = MachineNote { launch: "next".into(), ..noted.machine.clone() };
        world.place.sessions().watch(&Watched { machine, ..noted }).unwrap();
        Ask(&world.place).look().await.unwrap();
        served(ONE).await;
        assert!(!passes(ONE).await);
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn a_container_that_takes_anothers_place_has_its_own_rules_there() {
    let world = World::new();
    // it ended while nobody looked
    let earlier = world.session_with_egress(9, note(ONE, &["localhost:80"]));
    world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        assert!(!passes(ONE).await);
        assert!(world.place.sessions().noted(earlier).is_none());
    };
    world.while_it_runs(test).await;
}

#[tokio::test]
async fn of_what_is_allowed_at_once_all_is_noted() {
    let world = World::new();
    let session = world.session_with_egress(1, note(ONE, &[]));
    let test = async {
        served(ONE).await;
        let all = (0..40).map(|number| allow(&world, session, allowance(&format!("n{number}.example"), None)));
        futures_util::future::try_join_all(all).await.unwrap();
        let noted = world.place.sessions().noted(session).unwrap();
        assert_eq!(world.place.sessions().allowances(&noted).len(), 40);
    };
    world.while_it_runs(test).await;
}
