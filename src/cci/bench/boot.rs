//! Waits for the end of a container's boot, which would take the processors from what is measured.

use std::time::Duration;

use cci_core::Result;
use cci_guest::init;
use cci_incus::Exec;

use super::bed::Bed;
use cci_engine::incus_error::DuringStep;

/// How long that may take.
const BOOT: Duration = Duration::from_secs(60);

/// Returns when the system in a container is up.
pub(super) async fn booted(bed: &Bed, name: &str) -> Result<()> {
    let exec = Exec::new(init::wait_until_booted());
    bed.cx.client.exec_captured(name, &exec, &[], BOOT).await.map(drop).during("wait for the boot of a container")
}
