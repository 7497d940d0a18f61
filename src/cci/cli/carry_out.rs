//! How a verb of each kind is carried out.

use cci_core::Result;

use super::context::context;
use super::verb::{Call, Offline, OnIncus};
use cci_engine::context::Context;
use cci_engine::{network, roll_back};
use cci_host::signals;

/// With the configuration and Incus.
pub(crate) async fn on_incus<V: OnIncus>(verb: V, call: &Call<'_>) -> Result<u8> {
    let cx = context(&call.flags.launch.asked(), call.terminal, verb.trust(), signals::cancellation())?;
    if verb.clears_up() {
        clear_up(&cx).await?;
    }
    let run = async {
        let run = verb.run(call, &cx);
        if V::ROLLED_BACK { roll_back::on_failure(&cx, run).await } else { run.await }
    };
    let (done, ()) = tokio::join!(run, network::on_occasion(&cx));
    done
}

/// With nothing but the command line.
pub(crate) async fn offline<V: Offline>(verb: V, call: &Call<'_>) -> Result<u8> {
    verb.run(call).await
}

async fn clear_up(cx: &Context) -> Result<()> {
    roll_back::on_failure(cx, async {
        roll_back::abandoned(cx).await;
        Ok(())
    })
    .await
}
