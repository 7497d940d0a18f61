//! Explains why a container did not start: Incus only names the program that failed, the reason is in LXC's log.

use cci_core::Error;
use cci_guest::GuestText;
use cci_incus::Refusal;
use cci_incus::start_log::{Cause, cause};

use crate::context::Context;
use crate::incus_error::translate;
use crate::site::replaced::{pinned, replaced};

/// The failure of a start with its reason, if there is one.
pub(crate) async fn explained(cx: &Context, name: &str, error: cci_incus::Error, step: &str) -> Error {
    let (refusal, message) = match translate(error, step) {
        Error::IncusRefused { refusal: refusal @ Refusal::StartFailed, message, .. } => (refusal, message),
        other => return other,
    };
    let of = if step.contains(name) { String::new() } else { format!(" {name}") };
    let log = cx.client.instance_log(name, "lxc.log").await.unwrap_or_default();
    match cause(&String::from_utf8_lossy(&log)) {
        Some(Cause::StartHook) => Error::HostUnfit {
            problem: format!("cannot {step}{of}: the host's nftables did not accept the rules of its network policy"),
            hint: Some("look for tables `inet cci-…` that are not cci's in `sudo nft list tables`, and see that `sudo nft` works".into()),
        },
        Some(Cause::MountHook) => Error::HostUnfit {
            problem: format!("cannot {step}{of}: {} was replaced by another on the host", which(cx, name).await),
            hint: Some("check what is there now; `cci shell` and `cci run` use it as it is".into()),
        },
        Some(Cause::Other(reason)) => {
            Error::IncusRefused { step: step.to_owned(), refusal, message: format!("{message} ({reason})") }
        }
        None => Error::IncusRefused { step: step.to_owned(), refusal, message },
    }
}

/// The paths that no longer lead to what the container is pinned to.
async fn which(cx: &Context, name: &str) -> String {
    let found = cx.client.instance(name).await.ok();
    let pinned = found.map(|(instance, _)| pinned(&instance)).unwrap_or_default();
    let replaced = replaced(cx, pinned).await.unwrap_or_default();
    let names: Vec<String> = replaced.iter().map(|path| GuestText::new(path).to_string()).collect();
    if names.is_empty() { "the workspace or a mounted directory".to_owned() } else { names.join(", ") }
}
