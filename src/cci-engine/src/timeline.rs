//! `--timing`: where a command's time went, each request to Incus and each wait for it, and what is left for cci itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cci_incus::{Exchange, Observer};

/// What was asked of Incus since the command began.
#[derive(Clone)]
pub struct Timeline {
    began: Instant,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Timeline {
    /// A timeline that begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), exchanges: Arc::default() }
    }

    /// What notes every exchange of a client.
    #[must_use]
    pub fn observer(&self) -> Observer {
        let exchanges = Arc::clone(&self.exchanges);
        Arc::new(move |exchange| exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange.clone()))
    }

    /// One line an exchange, in the order in which they began, and the sum.
    pub fn lines(&self) -> Vec<String> {
        let total = self.began.elapsed();
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        exchanges.sort_by_key(|exchange| exchange.began);
        let spans: Vec<(Duration, Duration)> =
            exchanges.iter().map(|one| (one.began.saturating_duration_since(self.began), one.elapsed)).collect();
        let mut lines = vec!["timing:    at ms    took ms".to_owned()];
        lines.extend(spans.iter().zip(&exchanges).map(|(span, exchange)| line(*span, exchange)));
        let asked = covered(&spans);
        lines.push(format!(
            "timing: {:8.1} ms in all: {:.1} ms with {} requests under way, {:.1} ms in cci itself{}",
            ms(total),
            ms(asked),
            exchanges.len(),
            ms(total.saturating_sub(asked)),
            peak_memory().map(|kib| format!("; peak memory {kib} KiB")).unwrap_or_default(),
        ));
        lines
    }
}

fn line((at, took): (Duration, Duration), exchange: &Exchange) -> String {
    let Exchange { method, path, what, status, .. } = exchange;
    format!("timing: {:8.1} {:10.1}  {method} {} {status} ({what})", ms(at), ms(took), short(path))
}

/// The path with the ids of operations cut to their first eight digits.
fn short(path: &str) -> String {
    let parts = path.split('/').map(|part| if is_uuid(part) { part.get(..8).unwrap_or(part) } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn is_uuid(part: &str) -> bool {
    part.len() == 36 && part.bytes().filter(|byte| *byte == b'-').count() == 4
}

/// How long at least one of these spans, sorted by their beginning, was under way.
fn covered(spans: &[(Duration, Duration)]) -> Duration {
    let (mut sum, mut until) = (Duration::ZERO, Duration::ZERO);
    for (at, took) in spans {
        let end = *at + *took;
        sum += end.saturating_sub(until.max(*at));
        until = until.max(end);
    }
    sum
}

/// The largest resident size that this process has had, in KiB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(at: u64, took: u64) -> (Duration, Duration) {
        (Duration::from_millis(at), Duration::from_millis(took))
    }

    #[test]
    fn requests_at_once_are_counted_once() {
        assert_eq!(covered(&[span(0, 10), span(5, 2), span(8, 12), span(30, 5)]), Duration::from_millis(25));
        assert_eq!(covered(&[]), Duration::ZERO);
    }

    #[test]
    fn an_operation_is_known_by_its_first_digits() {
        let path = "/1.0/operations/b043d63d-72e2-4bb5-8b1e-5b0d6b6c0f5e/wait";
        assert_eq!(short(path), "/1.0/operations/b043d63d/wait");
        assert_eq!(short("/1.0/instances/cci-9c09f805-1"), "/1.0/instances/cci-9c09f805-1");
    }

    #[test]
    fn each_exchange_has_a_line_in_the_order_of_beginning() {
        let timeline = Timeline::begin();
        let exchange = |path: &str, after: u64, took: u64| Exchange {
            method: "GET".into(),
            path: path.into(),
            what: "look".into(),
            status: 200,
            began: timeline.began + Duration::from_millis(after),
            elapsed: Duration::from_millis(took),
        };
        let observe = timeline.observer();
        observe(&exchange("/second", 20, 100));
        observe(&exchange("/first", 10, 5));
        let lines = timeline.lines();
        assert_eq!(lines[1], "timing:     10.0        5.0  GET /first 200 (look)");
        assert_eq!(lines[2], "timing:     20.0      100.0  GET /second 200 (look)");
        assert!(lines[3].contains("105.0 ms with 2 requests") && lines[3].contains("peak memory"), "{}", lines[3]);
    }
}
