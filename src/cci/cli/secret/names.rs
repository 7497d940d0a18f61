//! The names of the secrets, for completion.

use cci_core::Result;
use cci_core::secret::SecretName;
use cci_host::caller::Caller;
use cci_host::secrets::Secrets;

/// All, in order.
pub(in crate::cli) fn names() -> Result<Vec<SecretName>> {
    Ok(Secrets::of(&Caller::of_this_process()?.cci_dir()).all()?.into_keys().collect())
}
