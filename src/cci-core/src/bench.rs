//! What a measurement says: samples, the floor beside them, and whether the target that was set for them is met.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was measured: cci itself, or what it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// cci, from the start of its process.
    Cci,
    /// The raw API calls without which the result cannot be had.
    Floor,
    /// The `incus` command.
    Incus,
}

/// The middle and the reach of a row of samples, in the unit of its row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Half of the samples are smaller.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The distance between the quartiles.
    pub spread: f64,
    /// How many there are.
    pub samples: usize,
}

impl Summary {
    /// Summarises samples; `None` without any.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let spread = quantile(&sorted, 3)? - quantile(&sorted, 1)?;
        Some(Self { median: quantile(&sorted, 2)?, min, max, spread, samples: sorted.len() })
    }
}

/// The value below which so many quarters of the sorted samples lie, between two of them where it falls there.
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let steps = sorted.len().checked_sub(1)? * quarters;
    let (below, rest) = (steps / 4, steps % 4);
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(match rest {
        0 => low,
        1 => low + (high - low) * 0.25,
        2 => low + (high - low) * 0.5,
        _ => low + (high - low) * 0.75,
    })
}

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Mebibytes.
    Mib,
}

impl Unit {
    /// As it stands behind a number.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Mib => "MiB",
        }
    }
}

/// How large the median may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
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
pub struct Verdict {
    /// What was asked for.
    pub target: Target,
    /// The largest median that meets it here; absent where what it is held against was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Whether the median is within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subject {
    /// A short name that stays.
    pub key: &'static str,
    /// What is measured, for people.
    pub what: &'static str,
    /// What its floor consists of.
    pub floor: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it should reach.
    pub targets: &'static [Target],
}

/// One row of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// A short name that stays.
    pub key: String,
    /// What is measured, for people.
    pub what: String,
    /// What its floor consists of.
    pub floor_is: String,
    /// What it counts.
    pub unit: Unit,
    /// cci itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cci: Option<Summary>,
    /// The raw API calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Summary>,
    /// The `incus` command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incus: Option<Summary>,
    /// cci's median over the floor's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// cci's median over that of the `incus` command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_incus: Option<f64>,
    /// cci's median in the earlier result that this one is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// The targets and what became of them.
    pub targets: Vec<Verdict>,
    /// Why there is no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Row {
    /// Puts the samples of one subject together.
    #[must_use]
    pub fn new(subject: &Subject, cci: &[f64], floor: &[f64], incus: &[f64], problem: Option<String>) -> Self {
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

/// Where a result comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// cci's own version.
    pub cci: String,
    /// The version of Incus.
    pub incus: String,
    /// The kernel's version.
    pub kernel: String,
    /// The name of the storage pool and its driver.
    pub pool: String,
    /// The driver of the storage pool.
    pub driver: String,
    /// How many processors there are.
    pub cpus: usize,
    /// The host's memory in MiB.
    pub memory_mib: u64,
    /// How many processes wanted to run in the minute before the measurement.
    pub load: f64,
    /// The image of the containers.
    pub image: String,
    /// The mode of their network.
    pub network: String,
}

/// A whole result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Where it comes from.
    pub machine: Machine,
    /// How often each row was measured.
    pub runs: u32,
    /// What was measured.
    pub rows: Vec<Row>,
}

impl Report {
    /// Puts an earlier result's medians beside those of the same rows here.
    pub fn compare(&mut self, earlier: &Self) {
        for row in &mut self.rows {
            let same = earlier.rows.iter().find(|other| other.key == row.key);
            row.before = same.and_then(|other| other.cci).map(|cci| cci.median);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn the_median_lies_between_two_where_there_is_no_middle_one() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.median, summary.min, summary.max, summary.spread), (2.5, 1.0, 4.0, 1.5));
        assert!((Summary::of(&[7.0]).unwrap().median - 7.0).abs() < f64::EPSILON);
        assert_eq!(Summary::of(&[]), None);
    }

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

    proptest! {
        #[test]
        fn a_median_is_never_outside_of_its_samples(samples in proptest::collection::vec(0.0_f64..1e6, 1..40)) {
            let summary = Summary::of(&samples).unwrap();
            prop_assert!(summary.min <= summary.median && summary.median <= summary.max);
            prop_assert!(summary.spread >= 0.0 && summary.samples == samples.len());
        }
    }
}
