//! `cci network log`: what containers asked for by name, the verdict and the rule.

use cci_core::Result;
use clap::Args;

use crate::cli::audit::{Lines, show};
use cci_engine::audit::{Entry, What};
use cci_engine::context::Context;
use cci_host::zone::Zone;

/// The kinds of entries that are about it.
const ALL: &[&str] = &["opened", "refused", "asked", "allowed", "unwritten"];
/// Those about what did not get through.
const DENIED: &[&str] = &["refused"];

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    pub(super) lines: Lines,
    /// Only what was refused
    #[arg(long)]
    denied: bool,
}

pub(super) async fn run(args: &LogArgs, cx: &Context) -> Result<u8> {
    show(&args.lines, if args.denied { DENIED } else { ALL }, cx, line).await
}

fn line(entry: &Entry) -> String {
    let what = &entry.what;
    let verdict = match what.event.as_str() {
        "opened" => {
            let port = what.address.rsplit_once(':').map_or("", |(_, port)| port);
            let ended = match &what.secrets[..] {
                [] => String::new(),
                secrets => format!(", TLS ended for the secret {}", secrets.join(", ")),
            };
            format!("allowed  {}:{port} ({}), by {}{ended}", what.name, what.address, what.rule)
        }
        "refused" => format!("refused  {}", what.why),
        "asked" => {
            let Entry { container, what: What { entry, reason, .. }, .. } = entry;
            format!("asks for  {entry} ({reason}): `cci network allow {container} {entry}`")
        }
        "allowed" => format!("from now on  {}, by `cci network allow`", what.entry),
        _ => format!("unwritten  {} more", what.count.unwrap_or_default()),
    };
    let name = if entry.container.is_empty() { &entry.session } else { &entry.container };
    format!("{}  {name}  {verdict}", Zone::of_this_process().shown(&entry.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_verdict_and_the_rule() {
        let entry = |event: &str| Entry {
            session: "s".into(),
            container: "c".into(),
            at: "2026-11-28T09:00:00.000Z".into(),
            what: What {
                event: event.into(),
                name: "a.example".into(),
                address: "198.51.100.1:443".into(),
                rule: "*.example".into(),
                why: "no rule allows b.example:80".into(),
                entry: "d.example:443".into(),
                reason: "the tests need it".into(),
                ..What::default()
            },
        };
        assert!(line(&entry("opened")).ends_with("  c  allowed  a.example:443 (198.51.100.1:443), by *.example"));
        let mut carries = entry("opened");
        carries.what.secrets = vec!["api".into()];
        assert!(line(&carries).ends_with(", by *.example, TLS ended for the secret api"));
        assert!(line(&entry("refused")).ends_with("  c  refused  no rule allows b.example:80"));
        let asked = "  c  asks for  d.example:443 (the tests need it): `cci network allow c d.example:443`";
        assert!(line(&entry("asked")).ends_with(asked));
    }
}
