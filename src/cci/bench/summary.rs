//! A row of samples in short: the middle, the reach, and how far they scatter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The middle and the reach of a row of samples, in the unit of its row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Summary {
    /// Half of the samples are smaller.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
    /// The distance between the quartiles.
    pub(crate) spread: f64,
    /// How many there are.
    pub(crate) samples: usize,
}

impl Summary {
    /// Summarises samples; `None` without any.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_lies_between_two_where_there_is_no_middle_one() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((summary.median, summary.min, summary.max, summary.spread), (2.5, 1.0, 4.0, 1.5));
        assert!((Summary::of(&[7.0]).unwrap().median - 7.0).abs() < f64::EPSILON);
        assert_eq!(Summary::of(&[]), None);
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
