//! What a running container may reach beside its policy.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_core::Error;
use cci_core::idmap::Ids;
use cci_core::network::Allowance;
use cci_core::session::SessionId;
use cci_host::store::run_dir::{EgressNote, RunDir, Watched};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::{Question, Wish, allow, show, why};
use super::{bridge, ensured};
use crate::launch::egress::blank;
use crate::testing::World;

const NAMED: &str =
    "network.mode = \"allowlist\"\nnetwork.allowed_domains = [\"*.example.com:443\", \"203.0.113.74:80\"]\n";

/// A container on a policy's bridge that the supervisor watches.
async fn watched() -> (World, RunDir, Watched) {
    let world = World::configured(NAMED);
    ensured(&world).await.unwrap();
    world.container("cci-a-1").device("eth0", json!({"type": "nic", "network": bridge(&world)})).put();
    let cx = world.cx();
    let (run, address) = (RunDir::of(&cx.cci_dir()), "10.0.0.9".parse().unwrap());
    let egress = EgressNote {
        container: "cci-a-1".into(),
        address,
        doors: BTreeMap::new(),
        allowed: vec!["*.example.com".into()],
        hosts: Vec::new(),
        proxy: None,
        resolver: None,
        ask: false,
        learns: false,
        withholds_local: false,
    };
    let session = SessionId::from_random([4; 16]);
    let watched = Watched { egress: Some(egress), ..blank(&cx, session, Ids { uid: 1, gid: 1 }) };
    run.make().unwrap();
    run.watch(&watched).unwrap();
    world.daemon.forget_requests();
    (world, run, watched)
}

fn wish(host: &str) -> Wish {
    Wish { container: "cci-a-1".into(), host: host.into(), lasts: Some(SignedDuration::from_mins(30)) }
}

fn names(world: &World) -> String {
    let name = super::policy(&world.cx()).name().names_bridge();
    let network = world.daemon.get(&format!("/1.0/networks/{name}")).unwrap();
    network["config"]["raw.dnsmasq"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_allowed_resolves_in_its_network() {
    let (world, run, watched) = watched().await;
    let allowed = allow(&world.cx(), &wish("new.example")).await.unwrap();
    assert_eq!((allowed.container.as_str(), allowed.entry.as_str()), ("cci-a-1", "new.example:80,443"));
    let until: Timestamp = allowed.until.unwrap().parse().unwrap();
    assert!((29 * 60..=30 * 60).contains(&Timestamp::now().duration_until(until).as_secs()));
    assert!(names(&world).contains("host-record=new.example,192.88.99.7\n"), "{}", names(&world));
    // as a launch with the same policy leaves it, while it holds
    allow(&world.cx(), &Wish { lasts: None, ..wish("new.example") }).await.unwrap();
    run.note_allowances(&watched, &[Allowance::of("new.example", None).unwrap()]).unwrap();
    ensured(&world).await.unwrap();
    assert!(names(&world).contains("host-record=new.example"));
    world.daemon.forget_requests();
    allow(&world.cx(), &wish("a.example.com:443")).await.unwrap();
    assert!(world.requests().iter().all(|request| request.starts_with("GET ")), "it resolves anyway");
    // and no longer than its container is there
    run.forget(&watched);
    ensured(&world).await.unwrap();
    assert!(!names(&world).contains("new.example"), "{}", names(&world));
}

#[tokio::test]
async fn who_asks_why_is_told_what_was_allowed_and_until_when() {
    let (world, run, watched) = watched().await;
    let soon = Timestamp::now() + Duration::from_secs(600);
    let of = |raw: &str, until| Allowance::of(raw, until).unwrap();
    let past = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let all = [of("localhost:443", Some(soon)), of("past.example", past)];
    run.note_allowances(&watched, &all).unwrap();
    let ask = async |host: &str, from: Option<&str>| {
        let question = Question { host: host.into(), from: from.map(str::to_owned) };
        why(&world.cx(), &question).await.unwrap().remove(0).because
    };
    assert!(ask("localhost:443", Some("cci-a-1")).await.contains("it leads to 127.0.0.1"), "its rule lets it through");
    assert!(ask("localhost:443", None).await.contains("not in allowed_domains"));
    assert!(ask("past.example:443", Some("cci-a-1")).await.contains("not in allowed_domains"));
    assert_eq!(show(&world.cx(), "cci-a-1").await.unwrap().allowed, [format!("localhost:443 until {soon:.0}")]);
}

#[tokio::test]
async fn where_nothing_is_judged_by_name_nothing_can_be_allowed() {
    let (world, run, watched) = watched().await;
    run.forget(&watched);
    let error = allow(&world.cx(), &wish("new.example")).await.unwrap_err();
    assert!(matches!(&error, Error::Forbidden { hint: Some(hint), .. } if hint.contains("allowlist")), "{error:?}");
    let error = allow(&world.cx(), &Wish { container: "cci-a-2".into(), ..wish("new.example") }).await.unwrap_err();
    assert!(matches!(error, Error::ContainerNotFound { .. }), "{error:?}");
    for host in ["new.example:22", "198.51.100.1", "*.com"] {
        let error = allow(&world.cx(), &wish(host)).await.unwrap_err();
        assert!(matches!(error, Error::Usage { .. }), "{host}: {error:?}");
    }
}
