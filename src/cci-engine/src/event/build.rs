//! The events of an image build.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cci_core::build::source::Suite;

use super::Event;

/// What happens in a build.
#[derive(Debug)]
pub enum BuildEvent {
    /// Where its log is.
    Log(PathBuf),
    /// A step begins: asking the image server what it has.
    AskingServer {
        /// The server.
        url: String,
    },
    /// The build starts from an image of the server.
    FromServer {
        /// The server.
        url: String,
        /// The image's name there.
        alias: String,
    },
    /// The build starts from a bootstrap, since the server cannot be used.
    Fallback(Fallback),
    /// A step of the build begins.
    StepBegan(BuildStep),
    /// A step of the build is done.
    StepDone {
        /// The step.
        step: BuildStep,
        /// The time it took.
        took: Duration,
    },
}

/// One part of a build; displayed, it is the step's title in the build's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildStep {
    /// A distribution's root file system from its mirror.
    Bootstrap(Suite),
    /// The container that the steps run in.
    StartFrom {
        /// What it is created from.
        base: String,
    },
    /// A command in the container.
    Run {
        /// The title from its recipe.
        title: String,
    },
    /// The container becomes an image.
    Publish,
    /// A container of the new image, to test it.
    Unpack,
}

impl fmt::Display for BuildStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap(suite) => write!(out, "bootstrap {}", suite.as_str()),
            Self::StartFrom { base } => write!(out, "start from {base}"),
            Self::Run { title } => out.write_str(title),
            Self::Publish => out.write_str("publish"),
            Self::Unpack => out.write_str("unpack the image"),
        }
    }
}

/// Why a build does not start from an image of the server; displayed, it is the line in the build's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The server.
    pub url: String,
    /// What is wrong with it.
    pub problem: ServerProblem,
    /// What is bootstrapped instead.
    pub suite: Suite,
}

impl fmt::Display for Fallback {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, problem, suite } = self;
        write!(out, "image server {url} {problem}: bootstrapping {} from its mirror instead", suite.as_str())
    }
}

/// Why an image server cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerProblem {
    /// It does not have the image.
    NoImage {
        /// The image's name.
        alias: &'static str,
        /// The architecture that it is needed for.
        arch: &'static str,
    },
    /// It cannot be reached.
    Unreachable,
    /// It does not answer.
    Silent {
        /// The time it had.
        within: Duration,
    },
}

impl fmt::Display for ServerProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoImage { alias, arch } => write!(out, "has no {alias} for {arch}"),
            Self::Unreachable => out.write_str("cannot be reached"),
            Self::Silent { within } => write!(out, "did not answer within {} s", within.as_secs()),
        }
    }
}

impl From<BuildEvent> for Event {
    fn from(event: BuildEvent) -> Self {
        Self::Build(event)
    }
}
