//! The one way to remove an instance, whatever Incus is still doing to it.

use std::time::Duration;

use cci_core::mark::LAUNCH;
use cci_core::{Error, Result};
use cci_incus::{Client, Instance, Refusal, StateChange, Status};

use super::operations::wait_for_pending;
use crate::incus_error::DuringStep;

/// How long a removal may take before it is given up and reported.
const LIMIT: Duration = Duration::from_secs(120);
const STEP: &str = "remove the container";

/// Removes the instance with this launch label, and returns whether it existed; one of the same name with another label
/// is left alone.
pub async fn remove_launched(client: &Client, name: &str, launch: &str) -> Result<bool> {
    remove_if(client, name, |instance| instance.config.get(LAUNCH).is_some_and(|mark| mark == launch)).await
}

/// Removes the instance of this name, whoever launched it, and returns whether it existed.
pub async fn remove_any(client: &Client, name: &str) -> Result<bool> {
    remove_if(client, name, |_| true).await
}

/// Removes the instance of this name if it is `wanted`, and returns whether it was.
///
/// The create may still be in progress in Incus, so each pending operation on the name is waited for first.
pub(crate) async fn remove_if(client: &Client, name: &str, wanted: impl Fn(&Instance) -> bool) -> Result<bool> {
    let removal = async {
        let mut seen = false;
        loop {
            wait_for_pending(client, name, STEP, LIMIT).await?;
            match client.instance(name).await {
                Ok((instance, _)) if wanted(&instance) => next(client, &instance).await?,
                Ok(_) => return Ok(seen),
                Err(error) if error.is_not_found() => return Ok(seen),
                Err(error) => return Err(error).during(STEP),
            }
            seen = true;
        }
    };
    tokio::time::timeout(LIMIT, removal).await.unwrap_or_else(|_| {
        Err(Error::TimedOut { step: STEP.to_owned(), seconds: LIMIT.as_secs(), still_running: true })
    })
}

/// The next step towards removal: a stop, or the delete. If Incus changes the instance meanwhile, it is examined again.
async fn next(client: &Client, instance: &Instance) -> Result<()> {
    let done = async {
        let operation = if instance.status_code == Status::Stopped {
            client.delete_instance(&instance.name).await?
        } else {
            client.change_state(&instance.name, &StateChange::kill()).await?
        };
        operation.wait(STEP, LIMIT).await
    };
    match done.await {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() || error.is_not_found() || error.refusal() == Refusal::Busy => Ok(()),
        Err(error) => Err(error).during(STEP),
    }
}
