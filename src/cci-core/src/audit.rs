//! The record of what a session ran and connected to: lines of JSON, each with the hash of the one before it. None can be changed,
//! added or left out unseen; what is cut off at the end is missed where its link is kept beside them.

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// It began, or whoever records it did: what happened in between is not recorded.
    Began {
        /// Its container.
        container: String,
        /// Its workspace.
        workspace: String,
        /// Its agent.
        agent: String,
        /// Its image.
        image: String,
        /// The mode of its network.
        network: String,
        /// What it may reach by name.
        allowed: Vec<String>,
    },
    /// It has ended, or whoever recorded it.
    Ended {
        /// Why.
        why: String,
    },
    /// A checkpoint was taken.
    Checkpoint {
        /// Which.
        id: String,
        /// When in the conversation.
        cause: String,
    },
    /// The agent ran a command, as it wrote itself.
    Command {
        /// As much of it as is kept.
        command: String,
        /// When, as the agent wrote.
        when: String,
    },
    /// The agent asked its person for a host.
    Asked {
        /// The name and its ports.
        entry: String,
        /// Why, in the agent's words.
        reason: String,
    },
    /// The person allowed something while it ran.
    Allowed {
        /// What, and until when.
        entry: String,
    },
    /// A connection, or a request on it, got through.
    Opened {
        /// The name that it asked for.
        name: String,
        /// The address and port that were dialled.
        address: String,
        /// The rule that allowed it.
        rule: String,
        /// The secrets that its TLS was ended for, by their names.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<String>,
    },
    /// It has ended.
    Closed {
        /// The name that it asked for.
        name: String,
        /// The address and port that were dialled.
        address: String,
        /// The bytes that left the container.
        sent: u64,
        /// The bytes that came back.
        received: u64,
        /// How long it lasted.
        milliseconds: u64,
    },
    /// It did not get through.
    Refused {
        /// Why not.
        why: String,
        /// The name that it asked for, if it asked for one, and the port.
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Whether the name leads where no name may.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        near: bool,
    },
    /// More happened than is written.
    Unwritten {
        /// So much.
        count: u64,
    },
}

impl Event {
    /// Whether it comes from the person or from cci, and not from what is in the container.
    #[must_use]
    pub fn is_of_the_host(&self) -> bool {
        matches!(self, Self::Began { .. } | Self::Ended { .. } | Self::Checkpoint { .. } | Self::Allowed { .. })
    }
}

/// What a line carries of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// The hash of a line.
    #[must_use]
    pub fn of(line: &str) -> Self {
        let hash = Sha256::digest(line);
        Self(hash.iter().fold(String::new(), |mut hex, byte| {
            // writing to a string cannot fail
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

impl Default for Link {
    /// There is none before it.
    fn default() -> Self {
        Self("0".repeat(64))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// So many bytes of text are kept of what happened: much of it comes out of a container, and a line has an end.
const KEPT: usize = 8_000;

/// The line about something that happened at a time, in RFC 3339.
#[must_use]
pub fn line(before: &Link, at: &str, event: &Event) -> String {
    let mut what = json!(event);
    cut(&mut what, &mut { KEPT });
    json!({ "at": at, "what": what, "before": before.0 }).to_string()
}

/// Leaves so much of all texts together.
fn cut(value: &mut Value, left: &mut usize) {
    match value {
        Value::String(text) => {
            let end = (0..=text.len().min(*left)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            text.truncate(end);
            *left -= end;
        }
        Value::Array(all) => all.retain_mut(|value| {
            cut(value, left);
            *left > 0
        }),
        Value::Object(fields) => fields.values_mut().for_each(|value| cut(value, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Follows lines from one to the next: the link to the line that would come next, or the number of the first line, from
/// one, that does not follow. What stood before the first one is not known if `before` is `None`: older lines are removed
/// some day.
pub fn follow<'a>(before: Option<Link>, lines: impl IntoIterator<Item = &'a str>) -> Result<Option<Link>, usize> {
    let mut last = before;
    for (line, number) in lines.into_iter().zip(1..) {
        let read: Value = serde_json::from_str(line).map_err(|_| number)?;
        let named = read["before"].as_str().ok_or(number)?;
        if last.is_some_and(|last| last.0 != named) {
            return Err(number);
        }
        last = Some(Link::of(line));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(count: usize) -> Vec<String> {
        let mut before = Link::default();
        let one = |number: usize| {
            let line = line(
                &before,
                "2026-11-28T09:00:00Z",
                &Event::Refused { why: format!("no rule {number}"), host: None, near: false },
            );
            before = Link::of(&line);
            line
        };
        (0..count).map(one).collect()
    }

    fn followed(lines: &[String]) -> Result<Option<Link>, usize> {
        follow(Some(Link::default()), lines.iter().map(String::as_str))
    }

    #[test]
    fn a_line_says_when_what_and_what_was_before() {
        let event = Event::Closed {
            name: "a.example".into(),
            address: "198.51.100.1:443".into(),
            sent: 5,
            received: 7,
            milliseconds: 9,
        };
        let line = line(&Link::default(), "2026-11-28T09:00:00Z", &event);
        assert_eq!(
            line,
            format!(
                r#"{{"at":"2026-11-28T09:00:00Z","what":{{"event":"closed","name":"a.example","address":"198.51.100.1:443","sent":5,"received":7,"milliseconds":9}},"before":"{}"}}"#,
                "0".repeat(64)
            )
        );
    }

    #[test]
    fn a_line_has_an_end_and_is_one_line_whatever_a_container_says() {
        let long = "\u{1}\n\u{202e}é".repeat(100_000);
        let allowed = (0..10_000).map(|number| format!("n{number}.example")).collect();
        let text = || long.clone();
        for event in [
            Event::Command { command: text(), when: text() },
            Event::Asked { entry: text(), reason: text() },
            Event::Opened { name: text(), address: text(), rule: text(), secrets: vec![text(), text()] },
            Event::Began {
                container: "c".into(),
                workspace: "/w".into(),
                agent: "a".into(),
                image: "i".into(),
                network: "allowlist".into(),
                allowed,
            },
        ] {
            let line = line(&Link::default(), "2026-11-28T09:00:00Z", &event);
            assert!(line.len() < 64 * 1024 && !line.contains('\n'), "{}", line.len());
            assert!(follow(Some(Link::default()), [line.as_str()]).is_ok());
        }
    }

    #[test]
    fn what_is_whole_follows_also_where_its_beginning_is_gone() {
        let lines = lines(5);
        let end = Some(Link::of(&lines[4]));
        assert_eq!(followed(&lines), Ok(end.clone()));
        assert_eq!(follow(None, lines[2..].iter().map(String::as_str)), Ok(end));
        assert_eq!(followed(&lines[2..]), Err(1), "the beginning is missed where it is known");
        assert_eq!(followed(&[]), Ok(Some(Link::default())));
    }

    proptest! {
        #[test]
        fn a_line_that_is_changed_removed_added_or_moved_is_found(
            count in 3usize..9, at: prop::sample::Index, byte: prop::sample::Index, how in 0..4,
        ) {
            let mut lines = lines(count);
            // what comes last is followed by nothing
            let at = at.index(count - 1);
            match how {
                0 => {
                    let byte = byte.index(lines[at].len());
                    let other = if lines[at].as_bytes()[byte] == b'7' { "8" } else { "7" };
                    lines[at].replace_range(byte..=byte, other);
                }
                1 => drop(lines.remove(at)),
                2 => lines.insert(at, lines[at].clone()),
                _ => lines.swap(at, at + 1),
            }
            prop_assert!(followed(&lines).is_err());
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = follow(None, text.lines());
        }
    }
}
