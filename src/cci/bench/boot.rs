//! Waits for the end of a container's boot, which would take the processors from what is measured.

use std::time::Duration;

use cci_core::Result;
use cci_incus::Exec;

use super::bed::Bed;
use cci_engine::incus_error::DuringStep;

/// Waits in a container until its system is up, well or not.
const BOOTED: &str = "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait";
const BOOT: Duration = Duration::from_secs(60);

/// Returns when the system in a container is up.
pub(super) async fn booted(bed: &Bed, name: &str) -> Result<()> {
    let exec = Exec::new(["sh", "-c", BOOTED]);
    bed.cx.client.exec_captured(name, &exec, &[], BOOT).await.map(drop).during("wait for the boot of a container")
}
