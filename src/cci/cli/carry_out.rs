//! How a verb of each kind is carried out. Each has a function of its own that puts its work on the heap: the stack holds
//! that of one verb, not of all.

use cci_core::Result;
use futures_util::future::LocalBoxFuture;

use super::context::context;
use super::verb::{Call, Offline, OnIncus};
use crate::supervisor;
use cci_engine::context::Context;
use cci_engine::{network, roll_back, room};
use cci_host::signals;

/// With the configuration and Incus.
#[inline(never)]
pub(crate) fn on_incus<'a, V: OnIncus + 'a>(verb: V, call: &'a Call<'a>) -> LocalBoxFuture<'a, Result<u8>> {
    Box::pin(with_context(verb, call))
}

/// With nothing but the command line.
#[inline(never)]
pub(crate) fn offline<'a, V: Offline + 'a>(verb: V, call: &'a Call<'a>) -> LocalBoxFuture<'a, Result<u8>> {
    Box::pin(verb.run(call))
}

async fn with_context<V: OnIncus>(verb: V, call: &Call<'_>) -> Result<u8> {
    let mut asked = call.flags.launch.asked();
    asked.overrides.passes_over_closed = V::IN_ANY_HOME;
    let cx = context(&asked, call.terminal, verb.trust(), signals::cancellation())?;
    if !V::IN_ANY_HOME {
        cx.caller.refuse_anothers_home()?;
    }
    if verb.clears_up() {
        clear_up(&cx).await?;
    }
    let run = async {
        let run = verb.run(call, &cx);
        if V::ROLLED_BACK { roll_back::on_failure(&cx, run).await } else { run.await }
    };
    let (done, ()) = tokio::join!(run, network::on_occasion(&cx));
    // nothing is started in another user's home
    if !V::IN_ANY_HOME {
        supervisor::on_occasion(&cx).await;
    }
    match done {
        Err(error) => Err(room::named(&cx, error).await),
        done => done,
    }
}

async fn clear_up(cx: &Context) -> Result<()> {
    roll_back::on_failure(cx, async {
        roll_back::abandoned(cx).await;
        Ok(())
    })
    .await
}
