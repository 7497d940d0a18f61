//! Explains why Incus cannot reach a path of the host: a FUSE file system may keep out everybody but its user.

use std::path::Path;

use cci_core::Error;
use cci_guest::GuestText;
use cci_host::mounts;
use cci_incus::Refusal;

/// The refusal with its reason, if one is found.
pub(crate) fn explained(error: Error) -> Error {
    let Error::IncusRefused { step, refusal: Refusal::SourceUnreachable(path), .. } = &error else { return error };
    let Some(point) = mounts::private_fuse(Path::new(path)) else { return error };
    let (path, point) = (GuestText::new(path), GuestText::new(&point));
    Error::HostUnfit {
        problem: format!("cannot {step}: {path} is on FUSE at {point}, which only the user who mounted it may enter"),
        hint: Some(
            "mount it with `-o allow_other` (for an ordinary user that needs `user_allow_other` in /etc/fuse.conf)"
                .into(),
        ),
    }
}
