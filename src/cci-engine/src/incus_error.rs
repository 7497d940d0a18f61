//! Translates a failure of the Incus client into cci's one error type, with the step that failed.

use cci_core::{Error, Result};

/// Names the step that an Incus call belongs to.
pub trait DuringStep<T> {
    /// `step` is a verb phrase that fits after "cannot": "create the container".
    fn during(self, step: &str) -> Result<T>;
}

impl<T> DuringStep<T> for cci_incus::Result<T> {
    fn during(self, step: &str) -> Result<T> {
        self.map_err(|error| translate(error, step))
    }
}

/// The error of a step, classified by what the user can do about it.
pub(crate) fn translate(error: cci_incus::Error, step: &str) -> Error {
    use cci_incus::Error as Incus;
    let refusal = error.refusal();
    match error {
        Incus::Unreachable { endpoint, source } => {
            Error::IncusUnreachable { endpoint, cause: innermost(source.as_ref()) }
        }
        Incus::Forbidden { endpoint, .. } => Error::IncusForbidden { endpoint },
        Incus::TimedOut { step, after, still_running } => {
            Error::TimedOut { step, seconds: after.as_secs(), still_running }
        }
        Incus::NotFound { message, .. }
        | Incus::Conflict { message, .. }
        | Incus::Refused { message, .. }
        | Incus::Operation { message, .. } => Error::IncusRefused { step: step.to_owned(), refusal, message },
        other => {
            let reason = std::error::Error::source(&other).map(|source| format!(": {}", innermost(source)));
            let message = format!("{other}{}", reason.unwrap_or_default());
            Error::IncusRefused { step: step.to_owned(), refusal, message }
        }
    }
}

/// The innermost reason: the outer ones repeat the endpoint.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
