//! A stub of the Anthropic Messages API: answers with what it was told last and how many messages it has seen, and has
//! the agent run a command that a prompt begins with `run: `.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::clouds::{self, Cloud};
use super::internet;
use super::issuer::Issuer;

/// The key that the agent is given; it opens nothing.
pub const KEY: &str = "sk-ant-test-0123456789-abcdefghijklmn";

/// Where logins are renewed.
const TOKEN: &str = "/v1/oauth/token";

/// A running stub, on the stand-in internet unless a test wants it elsewhere.
pub struct Anthropic {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

/// What was asked.
#[derive(Default)]
struct Seen {
    /// The user's messages of each request.
    users: Vec<Vec<String>>,
    /// The tokens or keys that requests came with.
    bearers: Vec<String>,
    /// The pieces of text in the user's messages, as they are.
    pieces: Vec<String>,
    /// The requests as they came.
    bodies: Vec<String>,
}

/// Whom a stub lets in.
#[derive(Clone)]
enum LetsIn {
    Everybody,
    /// Whom an issuer has given a token.
    Issued(Arc<Issuer>),
    Cloud(Cloud),
}

/// A request.
pub struct Asked {
    /// Its first line.
    pub line: String,
    headers: Vec<(String, String)>,
    /// The token or key that it came with.
    pub bearer: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// A header, by its name in lowercase.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    fn is_for_a_model(&self) -> bool {
        ["POST /v1/messages", "POST /model/", "POST /projects/"].iter().any(|begin| self.line.starts_with(begin))
    }
}

impl Anthropic {
    pub fn start() -> Self {
        Self::at(internet::listen(), internet::SERVER, LetsIn::Everybody)
    }

    /// One that lets in only whom an issuer has given a token.
    pub fn issuing(issuer: &Arc<Issuer>) -> Self {
        Self::at(internet::listen(), internet::SERVER, LetsIn::Issued(Arc::clone(issuer)))
    }

    /// One that is a cloud's.
    pub fn of_cloud(cloud: Cloud) -> Self {
        Self::at(internet::listen(), internet::SERVER, LetsIn::Cloud(cloud))
    }

    /// The same on this machine's loopback.
    pub fn issuing_here(issuer: &Arc<Issuer>) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), "127.0.0.1", LetsIn::Issued(Arc::clone(issuer)))
    }

    fn at(listener: TcpListener, address: &str, lets_in: LetsIn) -> Self {
        let url = format!("http://{address}:{}", listener.local_addr().unwrap().port());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let record = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, lets_in) = (Arc::clone(&record), lets_in.clone());
                std::thread::spawn(move || serve(&stream, &record, &lets_in));
            }
        });
        Self { url, seen }
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Where logins are renewed, if it issues any.
    pub fn token_url(&self) -> String {
        format!("{}{TOKEN}", self.url)
    }

    /// Whether a request came with this token or key.
    pub fn was_let_in_by(&self, token: &str) -> bool {
        self.seen.lock().unwrap().bearers.iter().any(|bearer| bearer == token)
    }

    /// The flags that send an agent here.
    pub fn flags(&self) -> Vec<String> {
        let url = format!("ANTHROPIC_BASE_URL={}", self.url);
        let key = format!("ANTHROPIC_API_KEY={KEY}");
        let quiet = "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1".to_owned();
        [url, key, quiet].into_iter().flat_map(|pair| ["-e".to_owned(), pair]).collect()
    }

    /// Whether the last prompt of a request ended with this, behind nothing or a line of the agent's own.
    pub fn saw_last(&self, text: &str) -> bool {
        self.seen
            .lock()
            .unwrap()
            .users
            .iter()
            .filter_map(|request| request.last())
            .any(|last| last.strip_suffix(text).is_some_and(|before| before.is_empty() || before.ends_with('\n')))
    }

    /// The last message of the last request, for a test that misses something.
    pub fn last(&self) -> Option<String> {
        self.seen.lock().unwrap().users.last()?.last().cloned()
    }

    /// Whether a prompt had a line that is this.
    pub fn saw_line(&self, text: &str) -> bool {
        self.seen.lock().unwrap().users.iter().flatten().any(|message| message.lines().any(|line| line == text))
    }

    /// How often this was a piece of text in a user's message, to the byte: a request has all that was said before.
    pub fn pieces(&self, text: &str) -> usize {
        self.seen.lock().unwrap().pieces.iter().filter(|piece| *piece == text).count()
    }

    /// Whether one request held all of these texts in its user messages, in this order.
    pub fn saw_together(&self, texts: &[&str]) -> bool {
        self.seen.lock().unwrap().users.iter().any(|request| {
            let mut rest = request.iter();
            texts.iter().all(|text| rest.any(|message| message.contains(text)))
        })
    }

    /// Whether a text was anywhere in a request.
    pub fn saw(&self, text: &str) -> bool {
        self.seen.lock().unwrap().bodies.iter().any(|body| body.contains(text))
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Seen>, lets_in: &LetsIn) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = request(&mut reader) {
        let is_open = match lets_in {
            LetsIn::Everybody => true,
            LetsIn::Issued(issuer) => !asked.is_for_a_model() || issuer.opens(asked.bearer.as_deref()),
            LetsIn::Cloud(cloud) => !asked.is_for_a_model() || cloud.opens(&asked),
        };
        seen.lock().unwrap().bearers.extend(asked.bearer.clone());
        let (line, body) = (&asked.line, &asked.body);
        let answered = if let LetsIn::Issued(issuer) = lets_in
            && line.starts_with(&format!("POST {TOKEN} "))
        {
            let (is_taken, said) = issuer.renews(&serde_json::from_slice(body).unwrap_or_default());
            let status = if is_taken { "200 OK" } else { "400 Bad Request" };
            reply(stream, status, "application/json", said.to_string().as_bytes())
        } else if let LetsIn::Cloud(cloud) = lets_in
            && line.starts_with(&format!("POST {} ", clouds::GOOGLE))
        {
            let said = cloud.issues(body);
            let status = if said.is_some() { "200 OK" } else { "400 Bad Request" };
            reply(stream, status, "application/json", said.unwrap_or_default().to_string().as_bytes())
        } else if !is_open {
            let error = json!({ "type": "error", "error": { "type": "authentication_error", "message": "no" } });
            reply(stream, "401 Unauthorized", "application/json", error.to_string().as_bytes())
        } else if line.starts_with("POST") {
            answer(stream, line, body, seen)
        } else if line.starts_with("GET /api/oauth/profile") {
            reply(stream, "200 OK", "application/json", profile().to_string().as_bytes())
        } else if line.starts_with("HEAD") {
            reply(stream, "200 OK", "text/plain", b"")
        } else {
            reply(stream, "404 Not Found", "application/json", b"{}")
        };
        if answered.is_err() {
            return;
        }
    }
}

/// Whose login it is.
fn profile() -> Value {
    json!({ "account": { "uuid": "3f0c4d1e-0000-4000-8000-000000000001", "email": "person@example.com",
        "full_name": "A Person", "display_name": "A Person", "has_claude_max": true, "has_claude_pro": false },
        "organization": { "uuid": "3f0c4d1e-0000-4000-8000-000000000002", "name": "example",
        "organization_type": "claude_max", "rate_limit_tier": "default", "billing_type": "stripe" } })
}

/// Reads a request; `None` when the other side has gone.
fn request(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { line, headers, bearer: None, body: Vec::new() };
    let bearer = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    asked.bearer = asked.header("x-api-key").or(bearer).map(str::to_owned);
    asked.body = vec![0; asked.header("content-length").map_or(Some(0), |length| length.parse().ok())?];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn answer(stream: &TcpStream, line: &str, body: &[u8], seen: &Mutex<Seen>) -> std::io::Result<()> {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    if line.contains("count_tokens") {
        return reply(stream, "200 OK", "application/json", json!({ "input_tokens": 7 }).to_string().as_bytes());
    }
    let messages = asked["messages"].as_array().into_iter().flatten();
    let contents: Vec<&Value> =
        messages.filter(|message| message["role"] == "user").map(|message| &message["content"]).collect();
    let users: Vec<String> = contents.iter().map(|content| text(content)).collect();
    let last = users.last().map(|text| tail(text)).unwrap_or_default();
    let said = match last.strip_prefix("run: ").filter(|_| asked["tools"].is_array()) {
        Some(command) => Said::Command(command.to_owned()),
        None => Said::Text(format!("echo <{last}> I have seen {} user messages", users.len())),
    };
    let mut seen = seen.lock().unwrap();
    seen.users.push(users);
    seen.pieces.extend(contents.into_iter().flat_map(pieces));
    seen.bodies.push(String::from_utf8_lossy(body).into_owned());
    drop(seen);
    if line.contains("/invoke-with-response-stream") {
        let messages: Vec<u8> = steps(&asked["model"], &said).iter().flat_map(clouds::message).collect();
        return reply(stream, "200 OK", "application/vnd.amazon.eventstream", &messages);
    }
    if asked["stream"] == true || line.contains(":streamRawPredict") {
        return reply(stream, "200 OK", "text/event-stream", events(&asked["model"], &said).as_bytes());
    }
    let mut message = message(&asked["model"]);
    message["content"] = json!([said.whole()]);
    message["stop_reason"] = json!(said.reason());
    reply(stream, "200 OK", "application/json", message.to_string().as_bytes())
}

/// The end of a prompt, which the agent puts behind reminders of its own.
fn tail(text: &str) -> String {
    let last = text.trim().lines().last().unwrap_or_default();
    last.chars().take(120).collect()
}

fn text(content: &Value) -> String {
    pieces(content).join("\n")
}

fn pieces(content: &Value) -> Vec<String> {
    match content {
        Value::String(text) => vec![text.clone()],
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A number that no other answer has: the agent takes a second answer of one number for the first, and asks again.
fn unique() -> u64 {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    GIVEN.fetch_add(1, Ordering::Relaxed)
}

fn message(model: &Value) -> Value {
    json!({
        "id": format!("msg_stub{}", unique()), "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": 7, "output_tokens": 7 },
    })
}

/// What the stub answers.
enum Said {
    Text(String),
    /// A command that the agent is to run.
    Command(String),
}

impl Said {
    fn reason(&self) -> &'static str {
        match self {
            Self::Text(_) => "end_turn",
            Self::Command(_) => "tool_use",
        }
    }

    fn begun(&self) -> Value {
        match self {
            Self::Text(_) => json!({ "type": "text", "text": "" }),
            Self::Command(_) => {
                json!({ "type": "tool_use", "id": format!("toolu_stub{}", unique()), "name": "Bash", "input": {} })
            }
        }
    }

    fn delta(&self) -> Value {
        match self {
            Self::Text(text) => json!({ "type": "text_delta", "text": text }),
            Self::Command(command) => {
                let input = json!({ "command": command, "description": "x" });
                json!({ "type": "input_json_delta", "partial_json": input.to_string() })
            }
        }
    }

    fn whole(&self) -> Value {
        let mut whole = self.begun();
        match self {
            Self::Text(text) => whole["text"] = json!(text),
            Self::Command(command) => whole["input"] = json!({ "command": command, "description": "x" }),
        }
        whole
    }
}

fn steps(model: &Value, said: &Said) -> [Value; 6] {
    [
        json!({ "type": "message_start", "message": message(model) }),
        json!({ "type": "content_block_start", "index": 0, "content_block": said.begun() }),
        json!({ "type": "content_block_delta", "index": 0, "delta": said.delta() }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({
            "type": "message_delta", "delta": { "stop_reason": said.reason(), "stop_sequence": null },
            "usage": { "output_tokens": 7 },
        }),
        json!({ "type": "message_stop" }),
    ]
}

fn events(model: &Value, said: &Said) -> String {
    let event = |step: &Value| format!("event: {}\ndata: {step}\n\n", step["type"].as_str().unwrap_or_default());
    steps(model, said).iter().map(event).collect()
}

fn reply(mut stream: &TcpStream, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}
