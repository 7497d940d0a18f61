//! `[checkpoints]`: when they are taken, what they hold and how long they are kept.

use serde::{Deserialize, Serialize};

use super::size::Size;

/// When checkpoints are taken without being asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// At the start and the end of each turn of the agent.
    #[default]
    Turn,
    /// Never.
    Off,
}

/// `[checkpoints]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointSettings {
    /// When they are taken.
    pub auto: Auto,
    /// How often they are taken besides, in minutes; 0 never.
    pub interval_minutes: u32,
    /// What of the workspace they leave out, as gitignore patterns.
    pub ignore: Vec<String>,
    /// The largest file that they hold, as `256MiB`.
    pub max_file: String,
    /// How many of a workspace are kept.
    pub keep: u32,
    /// How long they are kept, as `14d`.
    pub keep_for: String,
    /// Whether the agent may rewind by itself.
    pub agent_may_rewind: bool,
}

impl CheckpointSettings {
    /// The largest file that is held, in bytes.
    #[must_use]
    pub fn max_file_bytes(&self) -> u64 {
        match Size::parse(&self.max_file) {
            Some(Size::Bytes(bytes)) => bytes,
            // a share of nothing in particular: the parser refuses it
            Some(Size::Percent(_)) | None => u64::MAX,
        }
    }

    /// How long they are kept, in seconds.
    #[must_use]
    pub fn keep_for_seconds(&self) -> u64 {
        age(&self.keep_for).unwrap_or(u64::MAX)
    }
}

impl Default for CheckpointSettings {
    fn default() -> Self {
        Self {
            auto: Auto::Turn,
            interval_minutes: 0,
            ignore: Vec::new(),
            max_file: "256MiB".into(),
            keep: 200,
            keep_for: "14d".into(),
            agent_may_rewind: false,
        }
    }
}

/// Seconds of `90s`, `15m`, `12h`, `14d` or `4w`.
pub(super) fn age(raw: &str) -> Option<u64> {
    let (number, unit) = raw.split_at_checked(raw.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    // an age that no clock can go back by is none
    number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(factor).filter(|seconds| *seconds < 1 << 36)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_number_and_a_unit() {
        assert_eq!(age("14d"), Some(14 * 86_400));
        assert_eq!(age("90s"), Some(90));
        for raw in ["", "d", "14", "-1d", "+1d", "1.5d", "1d2h", "99999999999999999999d", "3ü"] {
            assert_eq!(age(raw), None, "{raw}");
        }
    }

    #[test]
    fn the_limits_are_numbers() {
        let settings = CheckpointSettings::default();
        assert_eq!(settings.max_file_bytes(), 256 << 20);
        assert_eq!(settings.keep_for_seconds(), 14 * 86_400);
    }
}
