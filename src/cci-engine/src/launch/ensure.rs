//! What a launch creates before its container: the network of its policy, the file that names its name server, the
//! storage directory. Nothing else on the way to a plan creates anything.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use cci_core::address::Subnet;
use cci_core::host_disk::HostPath;
use cci_core::mount::{self, Protected};
use cci_core::network::Policy;
use cci_core::{Error, Result};

use super::policy_check::PolicyCheck;
use crate::context::Context;
use crate::network::{self, Ensured};
use crate::site::host_path::{self, judged, real, refused};

/// The policy's network, and what of it is still to be verified; mode `open` has none.
pub(super) async fn network(cx: &Context, policy: Option<Policy>) -> Result<(Option<Ensured>, PolicyCheck)> {
    let Some(policy) = policy else { return Ok((None, PolicyCheck::none())) };
    match network::peek(cx.site(), &policy) {
        Some(seen) => Ok((Some(seen), PolicyCheck::new(policy))),
        None => Ok((Some(network::ensure(cx, &policy).await?), PolicyCheck::none())),
    }
}

/// The file that names the bridge as the name server, created once for each bridge.
pub(super) fn resolv_file(cx: &Context, subnet: Subnet) -> Result<HostPath> {
    let path = cx.cci_dir().join("network").join(format!("{}.conf", subnet.gateway));
    let content = format!("nameserver {}\noptions edns0 trust-ad\n", subnet.gateway);
    cci_host::store::put::shared(&path, content.as_bytes())?;
    host_path::own(&path)
}

/// The storage directory, created if missing, for this user only; its place is checked before anything is created.
pub(super) fn storage(dir: &Path, protected: &[Protected]) -> Result<HostPath> {
    let there = dir.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    let missing = dir.strip_prefix(there).unwrap_or(Path::new(""));
    mount::check_host(&real(there).join(missing), protected).map_err(|error| refused(&error))?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::Host { step: "create", path: dir.to_owned(), source })?;
    judged(dir, protected)
}
