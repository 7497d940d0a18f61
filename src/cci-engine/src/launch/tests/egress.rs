//! What a launch notes of connections that are judged by name.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use cci_core::Error;
use cci_core::session::SessionId;
use cci_core::slot::SlotChoice;
use cci_host::store::run_dir::RunDir;
use futures_util::future::LocalBoxFuture;

use super::super::egress;
use super::{launched, world};
use crate::context::Context;
use crate::supervision::Supervision;

const NAMED: &str = "[network]\nmode = \"allowlist\"\nallowed_domains = [\"*.example.com\", \"203.0.113.75\"]\n";

/// A supervisor that cannot be had.
struct Nowhere;

impl Supervision for Nowhere {
    fn serves(&self, _: SessionId) -> LocalBoxFuture<'_, io::Result<()>> {
        Box::pin(async { Err(io::Error::other("nobody answers")) })
    }
}

#[tokio::test]
async fn what_a_command_may_reach_by_name_is_noted_until_it_has_ended() {
    let world = world(NAMED);
    let cx = world.cx();
    let launched = launched(&cx, SlotChoice::Auto).await.unwrap();
    let opened = egress::open(&cx, &launched.plan, &launched.name, launched.slot).await.unwrap().unwrap();
    let run = RunDir::of(&cx.cci_dir());
    let [noted] = run.watched().try_into().unwrap();
    let made = world.instance(&launched.name).unwrap();
    assert_eq!(noted.launch.as_deref(), made["config"]["user.cci.launch"].as_str());
    let egress = noted.egress.unwrap();
    assert_eq!(made["devices"]["eth0"]["ipv4.address"], egress.address.to_string());
    let gateway = launched.plan.subnet().unwrap().gateway;
    assert_eq!(egress.doors, BTreeMap::from([(80, (gateway, 28_080).into()), (443, (gateway, 28_443).into())]));
    assert_eq!((egress.container, egress.allowed), (launched.name, vec!["*.example.com".to_owned()]));
    opened.close().await;
    assert_eq!(run.watched(), []);
}

#[tokio::test]
async fn where_no_name_is_judged_nobody_is_needed() {
    let world = world("[network]\nmode = \"allowlist\"\nallowed_domains = [\"203.0.113.75\"]\n");
    let cx = Context { supervision: Arc::new(Nowhere), ..world.cx() };
    let launched = launched(&cx, SlotChoice::Auto).await.unwrap();
    assert!(egress::open(&cx, &launched.plan, &launched.name, launched.slot).await.unwrap().is_none());
    assert_eq!(RunDir::of(&cx.cci_dir()).watched(), []);
}

#[tokio::test]
async fn a_supervisor_that_cannot_be_had_is_told() {
    let world = world(NAMED);
    let cx = Context { supervision: Arc::new(Nowhere), ..world.cx() };
    let launched = launched(&cx, SlotChoice::Auto).await.unwrap();
    let error = egress::open(&cx, &launched.plan, &launched.name, launched.slot).await.err().unwrap();
    assert!(matches!(&error, Error::StepFailed { problem, .. } if problem == "nobody answers"), "{error:?}");
    assert_eq!(RunDir::of(&cx.cci_dir()).watched(), [], "nothing is left of it");
}
