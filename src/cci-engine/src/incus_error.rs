//! Translates a failure of the Incus client into cci's one error type, with the step that failed.

use std::io;

use cci_core::{Error, Result};
use rustix::io::Errno;

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
        Incus::Unreachable { source, .. } if is_out_of_files(source.as_ref()) => Error::HostUnfit {
            problem: format!("cannot {step}: cci may open no more files"),
            hint: Some("raise the limit with `ulimit -n 1024`".into()),
        },
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
    causes(error).last().unwrap_or(error).to_string()
}

/// Whether this process has as many files open as it may.
fn is_out_of_files(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_system = |error: &(dyn std::error::Error + 'static)| error.downcast_ref::<io::Error>().and_then(code);
    causes(error).any(|error| of_system(error) == Some(Errno::MFILE.raw_os_error()))
}

/// The system's number of an error; one that was wrapped is none of the causes.
fn code(error: &io::Error) -> Option<i32> {
    let wrapped = || error.get_ref()?.downcast_ref::<io::Error>().and_then(code);
    error.raw_os_error().or_else(wrapped)
}

/// An error and what caused it, innermost last.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_may_open_no_more_files_is_not_told_to_set_incus_up() {
        let source = io::Error::other(io::Error::from(Errno::MFILE));
        let error = cci_incus::Error::Unreachable { endpoint: "/run/x".into(), source: Box::new(source) };
        let hint = cci_core::hint::hint(&translate(error, "ask Incus")).unwrap();
        assert!(hint.contains("ulimit -n"), "{hint}");
    }
}
