//! What the client's spans tell of its requests, gathered while a guard lives.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    registry::LookupSpan,
};

/// `GET /1.0/instances/c1 200` for each request that has ended.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Vec<String>>>);

impl Requests {
    /// Listens on this thread until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let requests = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(requests.clone()));
        (requests, guard)
    }

    pub(crate) fn so_far(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Default)]
struct Line {
    request: String,
    status: u64,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "method" => self.request = format!("{value:?}"),
            "path" => self.request = format!("{} {}", self.request, format!("{value:?}").trim_matches('"')),
            _ => {}
        }
    }

    fn record_u64(&mut self, _: &Field, value: u64) {
        self.status = value;
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Requests {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if span.metadata().name() == "request" {
            let mut line = Line::default();
            span.record(&mut line);
            cx.span(id).unwrap().extensions_mut().insert(line);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(line) = cx.span(id).unwrap().extensions_mut().get_mut::<Line>() {
            values.record(line);
        }
    }

    fn on_close(&self, id: Id, cx: Context<'_, S>) {
        if let Some(line) = cx.span(&id).unwrap().extensions_mut().remove::<Line>() {
            self.0.lock().unwrap().push(format!("{} {}", line.request, line.status));
        }
    }
}
