//! `cci network`: what a container may reach, and why.

mod allow;
mod learn;
mod log;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use cci_core::Result;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::json_schema::Described;
use super::launch_flags::LaunchFlag;
use super::output::{Format, FormatArg, print};
use super::verb::{Call, OnIncus, Verb};
use crate::ui::count::count;
use crate::ui::text::Text;
use cci_engine::audit::Entry;
use cci_engine::context::Context;
use cci_engine::network::{self, Answer, Question, Refreshed, Shown, TlsEnded, Ways};
use cci_host::settings::Trust;
use cci_host::zone::Zone;

/// Show and explain what a container may reach
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci network show cci-9c09f805-1\n  cci network why registry.npmjs.org --from cci-9c09f805-1"
)]
pub(crate) struct NetworkArgs {
    #[command(subcommand)]
    verb: NetworkVerb,
}

#[derive(Debug, Subcommand)]
enum NetworkVerb {
    /// The rules that are in force for a container, and the addresses of its names
    #[command(after_help = "Examples:\n  cci network show cci-9c09f805-1")]
    Show {
        /// The container
        #[arg(add = ArgValueCandidates::new(complete::containers))]
        name: String,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Which rule decides about a host
    #[command(
        after_help = "Examples:\n  cci network why github.com:443\n  cci network why 10.0.0.5 --from cci-9c09f805-1"
    )]
    Why {
        /// A name or an IPv4 address, with or without :port
        host: String,
        /// The container that would connect; without it the settings decide
        #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::containers))]
        from: Option<String>,
        #[command(flatten)]
        format: FormatArg,
    },
    /// Let a running container reach a host, or those to come
    #[command(
        after_help = "Examples:\n  cci network allow cci-9c09f805-1 registry.npmjs.org --for 30m\n  cci network allow --write user '*.example.com:443'\n\nWithout a port it is about 80 and 443. A running container may reach what is judged by name there; what else is listed is for containers to come. It reaches nothing private by any name."
    )]
    Allow(allow::AllowArgs),
    /// What containers asked for by name, and what became of it
    #[command(
        after_help = "Examples:\n  cci network log\n  cci network log cci-9c09f805-1 --denied --follow\n  cci network log --format=json | jq -r '.[] | select(.event == \"refused\") | .host'\n\n`cci audit show` has also when each connection ended, and how much it carried."
    )]
    Log(log::LogArgs),
    /// The least allowlist with which what sessions asked for gets through
    #[command(
        after_help = "Examples:\n  cci shell --network learn\n  cci network learn\n  cci network learn cci-9c09f805-1 --write project\n  cci network learn --format=json | jq -r '.hosts[] | select(.suspect) | .entry'\n\nA session in mode learn is as restricted, and carries no secret of `cci secret set`. What names no host is refused there. `random`, `paste` and `once` are worth a look; --write leaves the first two out. Other ports than 80 and 443 are not seen: list them yourself."
    )]
    Learn(learn::LearnArgs),
    /// Look up the allowed names again, for every allowlist
    #[command(
        after_help = "Examples:\n  cci network refresh\n  cci network refresh --format=json | jq -r '.[].changed[]'"
    )]
    Refresh {
        #[command(flatten)]
        format: FormatArg,
    },
}

impl Verb for NetworkArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<allow::Done>("network-allow", "what is allowed from now on"),
        Described::new::<learn::Done>("network-learn", "the least allowlist that lets sessions through"),
        Described::new::<Vec<Entry>>("network-log", "what containers asked for by name"),
        Described::new::<Vec<Refreshed>>("network-refresh", "the names looked up again"),
        Described::new::<Shown>("network-show", "the rules in force for a container"),
        Described::new::<Vec<Answer>>("network-why", "which rule decides about a host"),
    ];

    fn launch_flags(_: &[&str]) -> &'static [LaunchFlag] {
        &[LaunchFlag::Workspace, LaunchFlag::Profile, LaunchFlag::Network, LaunchFlag::Config]
    }

    fn format(&self) -> Option<Format> {
        match &self.verb {
            NetworkVerb::Show { format, .. } | NetworkVerb::Why { format, .. } | NetworkVerb::Refresh { format } => {
                Some(format.format)
            }
            NetworkVerb::Allow(args) => Some(args.format.format),
            NetworkVerb::Learn(args) => Some(args.format.format),
            NetworkVerb::Log(args) => Some(args.lines.format.format),
        }
    }
}

impl OnIncus for NetworkArgs {
    fn trust(&self) -> Trust {
        Trust::Judged
    }

    async fn run(self, call: &Call<'_>, cx: &Context) -> Result<u8> {
        match &self.verb {
            NetworkVerb::Show { name, format } => print(format.format, &network::show(cx, name).await?, show_text),
            NetworkVerb::Why { host, from, format } => {
                let question = Question { host: host.clone(), from: from.clone() };
                print(format.format, &network::why(cx, &question).await?, |answers| {
                    answers.iter().map(why_text).collect()
                })
            }
            NetworkVerb::Learn(args) => learn::run(args, call, cx).await,
            NetworkVerb::Log(args) => log::run(args, cx).await,
            NetworkVerb::Allow(args) => allow::run(args, call, cx).await,
            NetworkVerb::Refresh { format } => {
                print(format.format, &network::refresh_all(cx).await?, |refreshed| refresh_text(refreshed))
            }
        }
    }
}

fn show_text(shown: &Shown) -> Text {
    let mut out = Text::one(format_args!("Container: {}", shown.container));
    out.line(format_args!("Mode: {}", shown.mode));
    out.line(format_args!("Network: {}", shown.network));
    if shown.mode == "open" {
        out.line("Rules: none, everything that the host's Incus network reaches");
        return out;
    }
    out.line("Rules:");
    for rule in &shown.rules {
        let ports = if rule.ports.is_empty() { String::new() } else { format!(" {} {}", rule.protocol, rule.ports) };
        out.line(format_args!("  {} {}{ports} ({})", rule.action, rule.destination, rule.why));
    }
    if !shown.by_name.is_empty() {
        out.line("By the name in a request, on ports 80 and 443:");
        for entry in &shown.by_name {
            out.line(format_args!("  allow {entry}"));
        }
    }
    if !shown.allowed.is_empty() {
        out.line("While it runs, by `cci network allow`:");
        for allowance in &shown.allowed {
            out.line(format_args!("  allow {allowance}"));
        }
    }
    ways_text(&shown.ways, &mut out);
    if !shown.names.is_empty() {
        let when = shown.refreshed.as_deref().map(|at| Zone::of_this_process().shown(at)).unwrap_or_default();
        out.line(format_args!("Names (looked up {when}):"));
        for (name, addresses) in &shown.names {
            out.line(format_args!("  {name} {}", joined(addresses)));
        }
    }
    out
}

/// Lines about how connections go out.
pub(super) fn ways_text(ways: &Ways, out: &mut Text) {
    for proxy in &ways.proxies {
        out.line(format_args!("Proxy: {proxy}"));
    }
    if let Some(resolver) = &ways.resolver {
        out.line(format_args!("Resolver: {resolver}"));
    }
    for host in &ways.hosts {
        out.line(format_args!("Service: {host}"));
    }
    for TlsEnded { host, secret } in &ways.tls_ended {
        out.line(format_args!("TLS ended: {host}, for the secret {secret}"));
    }
}

fn joined(addresses: &BTreeSet<Ipv4Addr>) -> String {
    addresses.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>().join(" ")
}

fn why_text(answer: &Answer) -> String {
    let address = match answer.address.as_str() {
        "" => String::new(),
        address if address == answer.host => String::new(),
        address => format!(" ({address})"),
    };
    format!("{}{address}: {}", answer.host, answer.because)
}

fn refresh_text(refreshed: &[Refreshed]) -> Text {
    if refreshed.is_empty() {
        return Text::one("No allowlist to refresh");
    }
    let one = |one: &Refreshed| {
        let changed = if one.changed.is_empty() {
            "none changed".to_owned()
        } else {
            format!("changed: {}", one.changed.join(", "))
        };
        let lost = if one.not_found.is_empty() {
            String::new()
        } else {
            format!("; not found, kept: {}", one.not_found.join(", "))
        };
        format!("{}: {}, {changed}{lost}", one.policy, count(one.names, "name", "names"))
    };
    refreshed.iter().map(one).collect()
}
