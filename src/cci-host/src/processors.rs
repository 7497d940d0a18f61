//! How busy the processors of this machine are.

use std::fs;

/// The time of all processors since boot, in the kernel's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks {
    busy: u64,
    all: u64,
    processors: usize,
}

impl Ticks {
    /// Up to now; `None` if the kernel does not report it.
    #[must_use]
    pub fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The first line: user, nice, system, idle, waiting for a disk, interrupts, soft interrupts; the rest is time of
    /// other machines, or counted already.
    fn parse(stat: &str) -> Option<Self> {
        let mut lines = stat.lines();
        let line = lines.next()?.strip_prefix("cpu ")?;
        let spent: Vec<u64> = line.split_whitespace().take(7).map(str::parse).collect::<Result<_, _>>().ok()?;
        let all = spent.iter().sum();
        let processors = lines.take_while(|line| line.starts_with("cpu")).count();
        Some(Self { busy: all - spent.get(3)?, all, processors })
    }

    /// How many processors were busy since then, on average; waiting for a disk counts as busy.
    #[expect(clippy::cast_precision_loss, reason = "a share of some ticks")]
    #[must_use]
    pub fn at_work_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.busy.saturating_sub(before.busy) as f64 / all as f64 * self.processors as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_idle_is_busy_and_stolen_time_is_neither() {
        let before = Ticks::parse("cpu  100 0 50 1000 10 0 5 900 0 0\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n").unwrap();
        let after = Ticks::parse("cpu  105 0 52 1030 12 0 6 5000 0 0\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n").unwrap();
        assert!((after.at_work_since(before) - 0.5).abs() < 1e-9, "a quarter of two");
        assert!(after.at_work_since(after).abs() < 1e-9, "no time has passed");
    }

    #[test]
    fn text_of_another_form_is_none() {
        for text in ["", "cpu0 1 2 3 4 5 6 7\n", "cpu  1 2 x 4 5 6 7\n", "cpu  1 2 3\n"] {
            assert_eq!(Ticks::parse(text), None, "{text}");
        }
        assert!(Ticks::now().is_some());
    }
}
