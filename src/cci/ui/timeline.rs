//! `--timing`: where a command's time went, each request to Incus and each wait for it, and what is left for cci itself.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// The requests made to Incus since the command began: a layer that hears of the client's spans, and the list it keeps.
#[derive(Clone)]
pub(crate) struct Timeline {
    began: Instant,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// One request, as its span tells of it.
#[derive(Debug, Clone)]
struct Request {
    began: Instant,
    /// From the first byte of the request to the end of the answer, or to its head where the answer is a stream.
    took: Duration,
    method: String,
    path: String,
    what: String,
    /// The HTTP status; 0 if no answer came.
    status: u64,
}

impl Timeline {
    /// A timeline that begins now.
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), requests: Arc::default() }
    }

    /// One line a request, in the order in which they began, and the sum.
    pub(crate) fn lines(&self) -> Vec<String> {
        let total = self.began.elapsed();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        requests.sort_by_key(|request| request.began);
        let spans: Vec<(Duration, Duration)> =
            requests.iter().map(|one| (one.began.saturating_duration_since(self.began), one.took)).collect();
        let mut lines = vec!["timing:    at ms    took ms".to_owned()];
        lines.extend(spans.iter().zip(&requests).map(|(span, request)| line(*span, request)));
        let asked = covered(&spans);
        lines.push(format!(
            "timing: {:8.1} ms in all: {:.1} ms with {} requests under way, {:.1} ms in cci itself{}",
            ms(total),
            ms(asked),
            requests.len(),
            ms(total.saturating_sub(asked)),
            peak_memory().map(|kib| format!("; peak memory {kib} KiB")).unwrap_or_default(),
        ));
        lines
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timeline {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if !is_request(span.metadata()) {
            return;
        }
        let mut request = Request {
            began: Instant::now(),
            took: Duration::ZERO,
            method: String::new(),
            path: String::new(),
            what: String::new(),
            status: 0,
        };
        span.record(&mut request);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().insert(request);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(request) = span.extensions_mut().get_mut::<Request>()
        {
            values.record(request);
        }
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        let request = cx.span(&id).and_then(|span| span.extensions_mut().remove::<Request>());
        if let Some(mut request) = request {
            request.took = request.began.elapsed();
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        }
    }
}

/// Whether a span is one of the client's requests.
pub(crate) fn is_request(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_span() && metadata.name() == "request" && metadata.target().starts_with("cci_incus")
}

impl Visit for Request {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "method" => value.clone_into(&mut self.method),
            "path" => value.clone_into(&mut self.path),
            "what" => value.clone_into(&mut self.what),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn line((at, took): (Duration, Duration), request: &Request) -> String {
    let Request { method, path, what, status, .. } = request;
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
    use tracing_subscriber::layer::SubscriberExt as _;

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

    fn request(path: &str) -> tracing::Span {
        let status = tracing::field::Empty;
        tracing::debug_span!(target: "cci_incus::client", "request", method = %"GET", path, what = "look", status)
    }

    fn listening(timeline: &Timeline, work: impl FnOnce()) {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(timeline.clone()), work);
    }

    #[test]
    fn each_request_has_a_line_in_the_order_of_beginning() {
        let timeline = Timeline::begin();
        listening(&timeline, || {
            let first = request("/first");
            let second = request("/second");
            tracing::debug_span!("request", path = "/of/somebody/else").in_scope(|| ());
            tracing::debug_span!(target: "cci_incus::operation", "wait", path = "/a/wait/is/not/a/request");
            second.record("status", 404_u16);
            drop(second);
            first.record("status", 200_u16);
        });
        let lines = timeline.lines();
        let [_, first, second, sum] = &lines[..] else { panic!("{lines:#?}") };
        assert!(first.ends_with("  GET /first 200 (look)"), "{first}");
        assert!(second.ends_with("  GET /second 404 (look)"), "{second}");
        assert!(sum.contains("with 2 requests under way") && sum.contains("peak memory"), "{sum}");
    }

    #[test]
    fn a_request_under_way_is_not_in_the_list_and_one_without_an_answer_has_status_0() {
        let timeline = Timeline::begin();
        listening(&timeline, || {
            let under_way = request("/under/way");
            drop(request("/lost"));
            let lines = timeline.lines();
            assert_eq!(lines.len(), 3, "{lines:#?}");
            assert!(lines[1].ends_with("  GET /lost 0 (look)"), "{}", lines[1]);
            drop(under_way);
        });
    }
}
