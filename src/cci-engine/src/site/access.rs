//! By which right the caller may use a place of the host, asked outside the runtime's one thread.

use std::path::Path;

use cci_core::Result;
use cci_core::access::{Access, Wanted};

use crate::blocking::blocking;
use crate::context::Context;

/// The right by which the caller has the access that is wanted; a file system that does not answer is waited for until the
/// call is to stop.
pub(crate) async fn of(cx: &Context, path: &Path, wanted: Wanted) -> Result<Access> {
    let (ids, path) = (cx.caller.ids, path.to_owned());
    cx.scope.until_cancelled(blocking(move || Ok(cci_host::access::of(ids, &path, wanted)))).await
}
