//! Puts a failure of the Incus client into the words of cci's one error, with the step that met it.

use cci_core::{Error, Result};

/// Names the step that an Incus call belongs to.
pub(crate) trait DuringStep<T> {
    /// `step` is a verb phrase that fits behind "cannot": "create the container".
    fn during(self, step: &str) -> Result<T>;
}

impl<T> DuringStep<T> for cci_incus::Result<T> {
    fn during(self, step: &str) -> Result<T> {
        self.map_err(|error| translate(error, step))
    }
}

fn translate(error: cci_incus::Error, step: &str) -> Error {
    use cci_incus::Error as Incus;
    match error {
        Incus::Unreachable { endpoint, source } => Error::IncusUnreachable { endpoint, cause: cause(source.as_ref()) },
        Incus::Forbidden { endpoint } => Error::IncusForbidden { endpoint },
        Incus::TimedOut { step, after, still_running } => {
            Error::TimedOut { step: step.to_owned(), seconds: after.as_secs(), still_running }
        }
        other => Error::IncusRefused { step: step.to_owned(), message: other.to_string() },
    }
}

/// The innermost reason: what lies around it repeats the endpoint.
fn cause(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
