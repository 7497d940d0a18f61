//! A thing that is well or is not on the machine, with its fix and the steps that setup takes for it.

use super::step::Step;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Ok,
    /// It works, and something could be better.
    Warning,
    /// It does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable kebab-case name.
    pub id: &'static str,
    /// How bad it is.
    pub health: Health,
    /// What was found.
    pub text: String,
    /// What a person does about it, where setup cannot.
    pub fix: Option<String>,
    /// What setup does about it.
    pub steps: Vec<Step>,
}

impl Finding {
    pub(super) fn ok(id: &'static str, text: impl Into<String>) -> Self {
        Self { id, health: Health::Ok, text: text.into(), fix: None, steps: Vec::new() }
    }

    pub(super) fn broken(id: &'static str, text: impl Into<String>, steps: Vec<Step>) -> Self {
        let fix = (!steps.is_empty()).then(|| "cci setup".to_owned());
        Self { id, health: Health::Broken, text: text.into(), fix, steps }
    }

    pub(super) fn warning(id: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, health: Health::Warning, text: text.into(), fix: Some(fix.into()), steps: Vec::new() }
    }

    pub(super) fn fixed_by(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// What is to be done, in order.
#[must_use]
pub fn steps(findings: &[Finding]) -> Vec<Step> {
    findings.iter().flat_map(|finding| finding.steps.clone()).collect()
}

/// The worst of all: what `doctor` ends with (0, 1, 2).
#[must_use]
pub fn worst(findings: &[Finding]) -> Health {
    findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok)
}
