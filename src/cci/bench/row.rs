//! One row of the result: the samples beside their floor, and whether the targets that were set for them are met.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::Summary;

/// What was measured: cci itself, or what it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// cci, from the start of its process.
    Cci,
    /// The raw API calls without which the result cannot be had.
    Floor,
    /// The `incus` command.
    Incus,
}

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    /// Milliseconds.
    Ms,
    /// Mebibytes.
    Mib,
}

impl Unit {
    /// As it stands behind a number.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Mib => "MiB",
        }
    }
}

/// How large the median may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// So many times the floor, and so much more.
    Floor {
        /// How many times.
        factor: f64,
        /// How much more, in the row's unit.
        extra: f64,
    },
    /// So many times what the `incus` command takes.
    Incus {
        /// How many times.
        factor: f64,
    },
    /// So much, whatever else is measured.
    Absolute {
        /// How much, in the row's unit.
        limit: f64,
    },
}

/// A target and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Verdict {
    /// What was asked for.
    pub(crate) target: Target,
    /// The largest median that meets it here; absent where what it is held against was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<f64>,
    /// Whether the median is within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Subject {
    /// A short name that stays.
    pub(crate) key: &'static str,
    /// What is measured, for people.
    pub(crate) what: &'static str,
    /// What its floor consists of.
    pub(crate) floor: &'static str,
    /// What it counts.
    pub(crate) unit: Unit,
    /// What it should reach.
    pub(crate) targets: &'static [Target],
}

/// One row of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Row {
    /// A short name that stays.
    pub(crate) key: String,
    /// What is measured, for people.
    pub(crate) what: String,
    /// What its floor consists of.
    pub(crate) floor_is: String,
    /// What it counts.
    pub(crate) unit: Unit,
    /// cci itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cci: Option<Summary>,
    /// The raw API calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) floor: Option<Summary>,
    /// The `incus` command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) incus: Option<Summary>,
    /// cci's median over the floor's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    /// cci's median over that of the `incus` command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio_to_incus: Option<f64>,
    /// cci's median in the earlier result that this one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<f64>,
    /// The targets and what became of them.
    pub(crate) targets: Vec<Verdict>,
    /// Why there is no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

impl Row {
    /// Puts the samples of one subject together.
    pub(crate) fn new(subject: &Subject, cci: &[f64], floor: &[f64], incus: &[f64], problem: Option<String>) -> Self {
        let [cci, floor, incus] = [cci, floor, incus].map(Summary::of);
        let over = |base: Option<Summary>| Some(cci?.median / base?.median).filter(|ratio| ratio.is_finite());
        let verdict = |target: &Target| {
            let limit = match target {
                Target::Floor { factor, extra } => floor.map(|floor| floor.median * factor + extra),
                Target::Incus { factor } => incus.map(|incus| incus.median * factor),
                Target::Absolute { limit } => Some(*limit),
            };
            let met = limit.zip(cci).map(|(limit, cci)| cci.median <= limit);
            Verdict { target: *target, limit, met }
        };
        Self {
            key: subject.key.to_owned(),
            what: subject.what.to_owned(),
            floor_is: subject.floor.to_owned(),
            unit: subject.unit,
            ratio: over(floor),
            ratio_to_incus: over(incus),
            before: None,
            targets: subject.targets.iter().map(verdict).collect(),
            cci,
            floor,
            incus,
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject {
        key: "run",
        what: "run",
        floor: "create",
        unit: Unit::Ms,
        targets: &[
            Target::Floor { factor: 1.25, extra: 30.0 },
            Target::Incus { factor: 0.45 },
            Target::Absolute { limit: 150.0 },
        ],
    };

    #[test]
    fn a_target_is_held_against_what_was_measured_beside_it() {
        let row = Row::new(&SUBJECT, &[155.0], &[100.0], &[300.0], None);
        let met: Vec<Option<bool>> = row.targets.iter().map(|verdict| verdict.met).collect();
        assert_eq!(met, [Some(true), Some(false), Some(false)]);
        assert_eq!((row.ratio, row.targets[0].limit), (Some(1.55), Some(155.0)));
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let row = Row::new(&SUBJECT, &[100.0], &[], &[], None);
        let met: Vec<Option<bool>> = row.targets.iter().map(|verdict| verdict.met).collect();
        assert_eq!((met, row.ratio), (vec![None, None, Some(true)], None));
        let text = serde_json::to_string(&row).unwrap();
        assert!(!text.contains("null"), "{text}");
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    }
}
