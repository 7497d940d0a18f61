//! Reads from an answer on its way what it took, and holds nothing up. One that is broken off before it has said so is
//! counted by its length: nobody gets round a limit by that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cci_agent::{Cost, Login, Tokens};
use cci_proxy::EventStream;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use memchr::memchr;
use serde_json::Value;

/// The longest line of an event stream, and the longest document, that is read for it.
const LONGEST: usize = 1024 * 1024;
/// What begins a line with data in an event stream.
const DATA: &[u8] = b"data:";
/// How many bytes of text a token is, where nobody has told the tokens.
pub(super) const BYTES_OF_A_TOKEN: u64 = 4;

/// What becomes of the sum.
type Counted = Box<dyn FnOnce(Tokens)>;

/// Reads one answer; dropped at its end, however it ends.
pub(super) struct Meter {
    login: &'static dyn Login,
    form: Form,
    /// How many bytes of the request have been passed on.
    asked: Arc<AtomicU64>,
    /// How many bytes of text have come since the answer told its tokens.
    untold: u64,
    /// Whether it has.
    has_told: bool,
    messages: EventStream,
    /// The line, or the document, so far.
    part: Vec<u8>,
    /// Whether it is longer than is read.
    is_too_long: bool,
    tokens: Tokens,
    counted: Option<Counted>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    None,
    Events,
    /// Messages with an event each, as Bedrock sends them.
    Messages,
    Document,
    Other,
}

/// The event in a message of Bedrock's.
fn event(payload: &[u8]) -> Option<Vec<u8>> {
    let message: Value = serde_json::from_slice(payload).ok()?;
    STANDARD.decode(message["bytes"].as_str()?).ok()
}

impl Meter {
    pub(super) fn new(login: &'static dyn Login, asked: Arc<AtomicU64>, counted: Counted) -> Self {
        let (part, tokens, counted) = (Vec::new(), Tokens::default(), Some(counted));
        let (form, untold, has_told, is_too_long) = (Form::None, 0, false, false);
        let messages = EventStream::default();
        Self { login, form, asked, untold, has_told, messages, part, is_too_long, tokens, counted }
    }

    /// For an answer with these headers.
    pub(super) fn of(mut self, headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        self.form = match kind.split(';').next().unwrap_or_default().trim() {
            "text/event-stream" => Form::Events,
            "application/vnd.amazon.eventstream" => Form::Messages,
            "application/json" => Form::Document,
            _ => Form::Other,
        };
        self
    }

    /// Reads what comes next.
    pub(super) fn read(&mut self, mut data: &[u8]) {
        match self.form {
            Form::None | Form::Other => {}
            Form::Document => self.keep(data),
            Form::Messages => {
                let (mut costs, login) = (Vec::new(), self.login);
                self.messages.read(data, |payload| costs.extend(event(payload).and_then(|event| login.cost(&event))));
                for cost in costs {
                    self.told(cost);
                }
            }
            Form::Events => {
                while let Some(end) = memchr(b'\n', data) {
                    if self.part.is_empty() && !self.is_too_long {
                        self.line(&data[..end]);
                    } else {
                        self.keep(&data[..end]);
                        self.kept_line();
                    }
                    data = &data[end + 1..];
                }
                self.keep(data);
            }
        }
    }

    fn keep(&mut self, data: &[u8]) {
        if self.is_too_long || self.part.len() + data.len() > LONGEST {
            self.is_too_long = true;
            self.part = Vec::new();
        } else {
            self.part.extend_from_slice(data);
        }
    }

    /// Reads the line that has come in pieces.
    fn kept_line(&mut self) {
        let line = std::mem::take(&mut self.part);
        if !self.is_too_long {
            self.line(&line);
        }
        self.is_too_long = false;
    }

    fn line(&mut self, line: &[u8]) {
        if line.len() <= LONGEST
            && let Some(cost) = line.strip_prefix(DATA).and_then(|data| self.login.cost(data))
        {
            self.told(cost);
        }
    }

    fn told(&mut self, cost: Cost) {
        match cost {
            Cost::Spent(tokens) => {
                self.tokens = self.tokens.with(tokens);
                (self.has_told, self.untold) = (true, 0);
            }
            Cost::Written(bytes) => self.untold += bytes,
        }
    }

    /// Adds what was passed on and never told.
    fn broken_off(&mut self) {
        self.tokens.output += self.untold.div_ceil(BYTES_OF_A_TOKEN);
        if !self.has_told {
            self.tokens.input = self.asked.load(Ordering::Relaxed).div_ceil(BYTES_OF_A_TOKEN);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        match self.form {
            Form::None | Form::Events | Form::Messages => self.broken_off(),
            Form::Document if !self.is_too_long => {
                if let Some(cost) = self.login.cost(&self.part) {
                    self.told(cost);
                } else {
                    self.untold = self.part.len() as u64;
                    self.broken_off();
                }
            }
            Form::Document | Form::Other => {}
        }
        if let Some(counted) = self.counted.take() {
            counted(self.tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use hyper::header::HeaderValue;

    use super::*;

    const STREAM: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n\
        data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"usage\"}}\n\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":12}}\r\n\n";

    fn read(kind: &'static str, parts: &[&[u8]]) -> Tokens {
        let sum = Rc::new(Cell::new(Tokens::default()));
        let told = Rc::clone(&sum);
        let login = cci_agent::default_agent().login().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let mut meter = Meter::new(login, Arc::new(400.into()), Box::new(move |tokens| told.set(tokens))).of(&headers);
        for part in parts {
            meter.read(part);
        }
        drop(meter);
        sum.get()
    }

    #[test]
    fn a_stream_is_read_wherever_it_is_cut() {
        let whole = Tokens { input: 3, output: 12, ..Tokens::default() };
        for size in [1, 2, 7, 64, 4096] {
            let parts: Vec<&[u8]> = STREAM.as_bytes().chunks(size).collect();
            assert_eq!(read("text/event-stream; charset=utf-8", &parts), whole, "{size}");
        }
        let half = &STREAM.as_bytes()[..STREAM.find("message_delta").unwrap()];
        let broken = Tokens { input: 3, output: 3, ..Tokens::default() };
        assert_eq!(read("text/event-stream", &[half]), broken, "a stream that breaks counts as far as it came");
        let begun = Tokens { input: 100, ..Tokens::default() };
        assert_eq!(read("text/event-stream", &[b"event: message_start\nda"]), begun, "and what was asked");
    }

    #[test]
    fn the_messages_of_bedrock_are_read_wherever_they_are_cut() {
        let message = |event: &str| {
            let payload = format!("{{\"bytes\":\"{}\",\"p\":\"abc\"}}", STANDARD.encode(event));
            let length = u32::try_from(payload.len() + 16).unwrap();
            [&length.to_be_bytes()[..], &[0; 8], payload.as_bytes(), &[0; 4]].concat()
        };
        let events = STREAM.lines().filter_map(|line| line.strip_prefix("data: "));
        let stream: Vec<u8> = events.flat_map(message).collect();
        for size in [1, 7, 4096] {
            let parts: Vec<&[u8]> = stream.chunks(size).collect();
            let whole = Tokens { input: 3, output: 12, ..Tokens::default() };
            assert_eq!(read("application/vnd.amazon.eventstream", &parts), whole, "{size}");
        }
    }

    #[test]
    fn a_document_is_read_at_its_end_and_what_is_too_long_is_passed_over() {
        let document = br#"{"type":"message","usage":{"input_tokens":5,"output_tokens":6}}"#;
        assert_eq!(read("application/json", &[&document[..9], &document[9..]]).output, 6);
        let long = [b"data: ".as_slice(), &vec![b'x'; 3 * LONGEST], b"\n", STREAM.as_bytes()].concat();
        let parts: Vec<&[u8]> = long.chunks(8192).collect();
        assert_eq!(read("text/event-stream", &parts).output, 12, "the lines behind it are read");
        assert_eq!(read("application/json", &[&vec![b' '; 3 * LONGEST], document]), Tokens::default());
        assert_eq!(read("text/plain", &[document]), Tokens::default());
        let broken = Tokens { input: 100, output: 3, ..Tokens::default() };
        assert_eq!(read("application/json", &[b"{\"usage\":"]), broken, "one that breaks counts by its length");
        assert_eq!(read("application/json", &[b"{\"type\":\"error\"}"]), Tokens::default(), "a refusal costs nothing");
    }
}
