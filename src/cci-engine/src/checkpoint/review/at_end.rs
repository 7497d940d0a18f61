//! The look at a workspace when its session is left.

use std::time::Duration;

use super::look::{Review, Whose, look};
use crate::context::Context;

/// How long whoever leaves a session waits for it at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the session of a container has left, if there are findings. Whatever is in the way of the look is no failure of the session.
pub async fn at_end(cx: &Context, container: &str) -> Option<Review> {
    let whose = Whose::Container(container.to_owned());
    let looked = async { tokio::time::timeout(PATIENCE, look(cx, &whose)).await };
    tokio::select! {
        looked = looked => match looked {
            Ok(Ok(review)) => (!review.findings.is_empty()).then_some(review),
            Ok(Err(error)) => {
                tracing::info!(%error, "the workspace was not reviewed");
                None
            }
            Err(_) => {
                tracing::info!("the review of the workspace takes too long");
                None
            }
        },
        () = cx.scope.cancelled() => None,
    }
}
