//! An entry of a record as a line for people.

use cci_engine::audit::{Entry, What};
use cci_host::zone::Zone;

use crate::ui::size::human;

/// When, where and what.
pub(super) fn line(entry: &Entry) -> String {
    let name = if entry.container.is_empty() { &entry.session } else { &entry.container };
    format!("{}  {name}  {}", Zone::of_this_process().shown(&entry.at), what(&entry.what))
}

fn what(what: &What) -> String {
    match what.event.as_str() {
        "began" => {
            let allowed =
                if what.allowed.is_empty() { String::new() } else { format!(" ({})", what.allowed.join(", ")) };
            format!(
                "began in {}: {} from {}, network {}{allowed}",
                what.workspace, what.agent, what.image, what.network
            )
        }
        "ended" => format!("ended: {}", what.why),
        "opened" => format!("opened {} at {} by {}", what.name, what.address, what.rule),
        "closed" => {
            let [sent, received] = [what.sent, what.received].map(|bytes| human(bytes.unwrap_or_default()));
            let lasted = what.milliseconds.unwrap_or_default();
            format!("closed {} at {}: {sent} out, {received} back, {lasted} ms", what.name, what.address)
        }
        "refused" => format!("refused: {}", what.why),
        "asked" => format!("the agent asked for {}: {}", what.entry, what.reason),
        "allowed" => format!("allowed by its person: {}", what.entry),
        "command" => format!("ran {}", what.command),
        "checkpoint" => format!("checkpoint {} ({})", what.id, what.cause),
        "unwritten" => format!("{} more, which are not recorded", what.count.unwrap_or_default()),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_words() {
        let of = |event: &str, change: fn(&mut What)| {
            let mut all = What { event: event.to_owned(), ..What::default() };
            change(&mut all);
            what(&all)
        };
        assert_eq!(of("ended", |what| what.why = "it is gone".into()), "ended: it is gone");
        let closed = of("closed", |what| {
            (what.name, what.address, what.milliseconds) = ("a.example".into(), "198.51.100.1:443".into(), Some(12));
            (what.sent, what.received) = (Some(0), Some(2048));
        });
        assert!(
            closed.starts_with("closed a.example at 198.51.100.1:443: ") && closed.ends_with(", 12 ms"),
            "{closed}"
        );
        assert_eq!(of("command", |what| what.command = "ls -l".into()), "ran ls -l");
        assert_eq!(of("unwritten", |what| what.count = Some(7)), "7 more, which are not recorded");
        assert_eq!(of("later", |_| {}), "later", "of a newer cci");
    }
}
