//! Whether what Incus mounts for running containers reaches them: `mount --make-rprivate /` cuts them off.

use cci_guest::GuestText;

use super::finding::Finding;
use super::found::SharedMounts;

pub(super) fn shared_mounts(SharedMounts { point, are_shared }: &SharedMounts) -> Finding {
    if *are_shared {
        return Finding::ok("shared-mounts", "directories can be mounted into running containers");
    }
    let point = GuestText::new(point);
    Finding::warning(
        "shared-mounts",
        format!("{point} is mounted private: no directory can be mounted into a running container"),
        format!("sudo mount --make-shared {point}; then restart the containers that need a mount"),
    )
}
