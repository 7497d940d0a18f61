//! A request that is lost, answered by half or never made: what is not kept whole leaves nothing.

use cci_engine::roll_back::abandoned;

use super::world::{block_on, context, host, id, keep, keep_without_end, session};
use crate::support::host::{Host, daemon_socket};
use crate::support::proxy::{Fault, Proxy};

#[track_caller]
fn assert_nothing_left(host: &Host, when: &str) {
    assert_eq!(host.roots(), [""; 0], "{when}: copies");
    let notes = std::fs::read_dir(host.home.join(".cci/unfinished")).map_or(0, Iterator::count);
    assert_eq!(notes, 0, "{when}: notes");
}

#[test]
fn each_request_can_be_cut_and_the_next_command_leaves_nothing() {
    let proxy = Proxy::start(&daemon_socket());
    let host = host().at_socket(proxy.socket());
    proxy.behave();
    let name = session(&host, &[]);
    proxy.behave();
    let kept = block_on(keep(&context(&host), &name, &id())).unwrap();
    let requests = proxy.seen().len();
    assert!(requests >= 7, "{:?}", proxy.seen());
    assert_eq!(host.roots(), [kept.instance]);
    host.remove_roots();
    for n in 0..requests {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutMidway, Fault::Error] {
            proxy.spoil(n, fault);
            let done = block_on(keep(&context(&host), &name, &id()));
            let when = format!("{fault:?} at {n}: {done:?}");
            assert!(proxy.hit().is_some(), "{when}");
            proxy.behave();
            block_on(abandoned(&context(&host)));
            if done.is_ok() {
                host.remove_roots();
            }
            assert_nothing_left(&host, &when);
        }
    }
}

#[test]
fn a_call_that_is_killed_at_any_moment_leaves_nothing() {
    let proxy = Proxy::start(&daemon_socket());
    let host = host().at_socket(proxy.socket());
    let name = session(&host, &[]);
    let ran = |requests: usize| {
        // dropped as soon as so many requests have been made: as a kill, it rolls nothing back
        let cx = context(&host);
        proxy.behave();
        block_on(async {
            let id = id();
            let work = keep_without_end(&cx, &name, &id);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    done = &mut work => return done.is_ok(),
                    () = tokio::task::yield_now() => {}
                }
                if proxy.seen().len() >= requests {
                    return false;
                }
            }
        })
    };
    for requests in 1..=7 {
        let whole = ran(requests);
        block_on(abandoned(&context(&host)));
        assert_nothing_left(&host, &format!("killed at request {requests}, done: {whole}"));
    }
}
