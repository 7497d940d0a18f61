//! Why a call failed, classified by what the caller can do about it; causes are sources and not repeated in the text.

use std::{io, time::Duration};

use cci_incus_types::Refusal;

use crate::request::Request;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why Incus did not do what was asked.
///
/// `what` reads after "cannot": `read instance c1`. `step` is the caller's own name for a wait.
/// Variants are decided by the API's codes, never by its messages; what a message adds is a [`Refusal`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing answers at the endpoint.
    #[error("cannot reach incus at {endpoint}")]
    Unreachable {
        /// The socket's path or the URL.
        endpoint: String,
        /// What connecting failed with.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The socket exists, but the caller may not use it.
    #[error("no permission to use incus at {endpoint}")]
    Forbidden {
        /// The socket's path or the URL.
        endpoint: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The connection was made and then broke off; whether the call took effect is unknown.
    #[error("the connection to incus broke off: cannot {what}")]
    ConnectionLost {
        /// What was asked.
        what: String,
        /// How the connection ended.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The named object, or one that it needs, does not exist (code 404).
    #[error("cannot {what}: {message}")]
    NotFound {
        /// What was asked.
        what: String,
        /// Incus's own message.
        message: String,
    },
    /// The object exists already or is in use (code 409).
    #[error("cannot {what}: {message}")]
    Conflict {
        /// What was asked.
        what: String,
        /// Incus's own message.
        message: String,
    },
    /// The object was changed since its etag was read (code 412).
    #[error("cannot {what}: it was changed meanwhile")]
    PreconditionFailed {
        /// What was asked.
        what: String,
    },
    /// Incus refused the call with another code.
    #[error("cannot {what}: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// The API's error code.
        code: u16,
        /// Incus's own message.
        message: String,
    },
    /// A wait exceeded its deadline.
    #[error("{step} did not finish within {:?}{}", after, if *still_running { "; incus is still working on it" } else { "" })]
    TimedOut {
        /// What was waited for.
        step: String,
        /// The deadline.
        after: Duration,
        /// Whether the server is still working on it.
        still_running: bool,
    },
    /// An operation was started and has failed.
    #[error("{step} failed: {message}")]
    Operation {
        /// What was waited for.
        step: String,
        /// The API's code: 400 for most failures, 401 for a cancelled operation, 404 for one that is no longer known
        /// (or whose object is missing), 409 for a conflict.
        code: u16,
        /// Incus's own message.
        message: String,
    },
    /// Incus gave up a command before it ran: it can be started again without running twice.
    #[error("{step} did not run: {message}")]
    NotRun {
        /// What was to run.
        step: String,
        /// Incus's own message.
        message: String,
    },
    /// The answer is not what the API describes.
    #[error("cannot {what}: the answer of incus cannot be read")]
    Protocol {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something on this side failed: a file to upload, a certificate to read.
    #[error("cannot {what}")]
    Io {
        /// What was tried, naming the file.
        what: String,
        /// What it failed with.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn refused(request: &Request, code: u16, message: String) -> Self {
        let what = request.what.clone();
        match code {
            404 => Self::NotFound { what, message },
            409 => Self::Conflict { what, message },
            412 => Self::PreconditionFailed { what },
            code => Self::Refused { what, code, message },
        }
    }

    /// The same failure as an operation's: the answer to a wait is the result of the work.
    pub(crate) fn of_operation(self, step: &str) -> Self {
        let (code, message) = match self {
            Self::NotFound { message, .. } => (404, message),
            Self::Conflict { message, .. } => (409, message),
            Self::PreconditionFailed { what } => (412, what),
            Self::Refused { code, message, .. } => (code, message),
            other => return other,
        };
        Self::Operation { step: step.to_owned(), code, message }
    }

    pub(crate) fn protocol(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Protocol { what: what.into(), source: source.into() }
    }

    pub(crate) fn lost(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::ConnectionLost { what: what.into(), source: source.into() }
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// Why Incus refused the call or the operation.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::NotFound { message, .. } => Refusal::recognize(404, message),
            Self::Conflict { message, .. } => Refusal::recognize(409, message),
            Self::Refused { code, message, .. } | Self::Operation { code, message, .. } => {
                Refusal::recognize(*code, message)
            }
            Self::NotRun { message, .. } => Refusal::recognize(0, message),
            _ => Refusal::Other,
        }
    }

    /// The object, or the operation that created it, does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Operation { code: 404, .. })
    }

    /// The name or the object is in use. A create can also fail for that reason with another code: ask for the object.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Operation { code: 409, .. })
    }

    /// Someone else changed the object since it was read.
    #[must_use]
    pub fn is_precondition_failed(&self) -> bool {
        matches!(self, Self::PreconditionFailed { .. })
    }

    /// The caller is not permitted: on the socket, or by Incus's own decision.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. } | Self::Refused { code: 401 | 403, .. })
    }

    /// Incus could not be asked at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Forbidden { .. })
    }

    /// The command was given up before it ran, so that it can be started again.
    #[must_use]
    pub fn is_not_run(&self) -> bool {
        matches!(self, Self::NotRun { .. })
    }

    /// A deadline was exceeded.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u16) -> Error {
        Error::refused(&Request::get(["instances", "c1"], "read instance c1"), code, "No".to_owned())
    }

    #[test]
    fn the_code_decides_the_variant() {
        assert!(refusal(404).is_not_found());
        assert!(refusal(409).is_conflict());
        assert!(refusal(412).is_precondition_failed());
        assert!(refusal(403).is_forbidden());
        assert!(matches!(refusal(500), Error::Refused { code: 500, .. }));
    }

    #[test]
    fn a_refusal_is_the_same_of_a_call_and_of_its_operation() {
        let sentence = "Instance is busy running a \"create\" operation";
        let error = Error::refused(&Request::get([], "x"), 400, sentence.to_owned());
        assert_eq!(error.refusal(), Refusal::Busy);
        assert_eq!(error.of_operation("the start").refusal(), Refusal::Busy);
        assert_eq!(refusal(404).refusal(), Refusal::Other);
    }

    #[test]
    fn a_message_names_step_and_object_once() {
        assert_eq!(refusal(404).to_string(), "cannot read instance c1: No");
        let late = Error::TimedOut { step: "the stop".into(), after: Duration::from_secs(3), still_running: true };
        assert_eq!(late.to_string(), "the stop did not finish within 3s; incus is still working on it");
    }
}
