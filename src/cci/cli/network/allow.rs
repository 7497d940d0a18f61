//! `cci network allow`: a host that a running container may reach from now on, or the next ones.

use std::path::Path;

use cci_core::{Error, Result};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::complete;
use crate::cli::output::{FormatArg, print};
use crate::cli::verb::Call;
use crate::ui::text::Text;
use cci_engine::configuration::allowed::{self, Written};
use cci_engine::context::Context;
use cci_engine::network::{self, Allowed, Wish};
use cci_guest::GuestText;
use cci_host::zone::Zone;

/// Whose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum File {
    /// The user's own configuration.
    User,
    /// The workspace's `.cci.toml`.
    Project,
}

#[derive(Debug, Args)]
pub(super) struct AllowArgs {
    /// The container, and the name that it may reach: a name or *.name, with or without :80 or :443
    #[arg(
        value_names = ["NAME", "HOST[:PORT]"], num_args = 1..=2, required = true,
        add = ArgValueCandidates::new(complete::running)
    )]
    what: Vec<String>,
    /// For how long, such as 30m or 2h; else until the container ends
    #[arg(long = "for", value_name = "TIME", value_parser = lasting, conflicts_with = "write")]
    lasts: Option<SignedDuration>,
    /// Add it to the allowed domains of this file, for containers to come
    #[arg(long, value_name = "FILE")]
    write: Option<File>,
    #[command(flatten)]
    pub(super) format: FormatArg,
}

/// What `network allow --format json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "cci network allow")]
pub(super) struct Done {
    /// What a running container may reach from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Allowed")]
    allowed: Option<Allowed>,
    /// What was written for containers to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Written")]
    written: Option<Written>,
}

fn lasting(raw: &str) -> std::result::Result<SignedDuration, String> {
    let lasts = raw.parse::<SignedDuration>().map_err(|_| "give it as 90s, 30m or 2h".to_owned())?;
    if !lasts.is_positive() {
        return Err("give it as 90s, 30m or 2h, more than nothing".to_owned());
    }
    if lasts > network::LONGEST_ALLOWED {
        return Err("30 days are the longest: list it in network.allowed_domains instead".to_owned());
    }
    Ok(lasts)
}

pub(super) async fn run(args: &AllowArgs, call: &Call<'_>, cx: &Context) -> Result<u8> {
    let (container, host) = match &args.what[..] {
        [container, host] => (Some(container), host),
        [host, ..] => (None, host),
        [] => return Err(Error::usage("name a host".to_owned())),
    };
    if container.is_none() && args.write.is_none() {
        return Err(Error::Usage {
            problem: format!("name the container that may reach {}, or the file to write it to", GuestText::new(host)),
            hint: Some("`cci list` shows the containers; --write user is for those to come".into()),
        });
    }
    let allowed = match container {
        Some(container) => {
            let wish = Wish { container: container.clone(), host: host.clone(), lasts: args.lasts };
            Some(network::allow(cx, &wish).await?)
        }
        None => None,
    };
    let written = args.write.map(|file| write(call, host, file)).transpose()?;
    print(args.format.format, &Done { allowed, written }, text)
}

fn write(call: &Call<'_>, host: &str, file: File) -> Result<Written> {
    let configured = call.flags.launch.configured()?;
    allowed::add(&configured, &[host.to_owned()], file == File::Project)
}

fn text(done: &Done) -> Text {
    let mut out = Text::default();
    if let Some(Allowed { container, entry, until }) = &done.allowed {
        let until = match until {
            Some(until) => format!(" until {}", Zone::of_this_process().shown(until)),
            None => " until it ends".to_owned(),
        };
        out.line(format_args!("{container} may reach {entry}{until}"));
    }
    if let Some(Written { path, added, approve }) = &done.written {
        let path = GuestText::new(Path::new(path));
        if added.is_empty() {
            out.line(format_args!("{path} has it already"));
        } else {
            out.line(format_args!("{path} allows {} for containers to come", added.join(", ")));
        }
        if *approve {
            out.line("It allows more than your own configuration: approve it with `cci config trust`");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_typed_as_people_do() {
        assert_eq!(lasting("30m"), Ok(SignedDuration::from_mins(30)));
        assert_eq!(lasting("90s"), Ok(SignedDuration::from_secs(90)));
        assert_eq!(lasting("1h30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(lasting("720h"), Ok(network::LONGEST_ALLOWED));
        for wrong in
            ["720h1s", "9223372036854775807s", "99999999999999999999h", "", "30", "0s", "-5m", "soon", "1 month"]
        {
            assert!(lasting(wrong).is_err(), "{wrong}");
        }
    }
}
