//! `cci file`: copies files between the host and a container, running or stopped.

use std::path::PathBuf;
use std::time::Duration;

use cci_core::Result;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::owner::OwnerArg;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::count::count;
use crate::ui::size::human;
use crate::ui::terminal::Terminal;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::transfer::{self, Moved, Pull, Push, Remote};
use cci_host::settings::Trust;

/// Copy files between the host and a container
#[derive(Debug, Args)]
#[command(
    subcommand_help_heading = "Commands",
    after_help = "Examples:\n  cci file push notes.txt worker:/home/code/\n  cci file pull -r worker:/workspace/out ."
)]
pub(crate) struct FileArgs {
    #[command(subcommand)]
    verb: FileVerb,
}

#[derive(Debug, Subcommand)]
enum FileVerb {
    /// Copy a file or a directory into a container
    #[command(
        after_help = "Examples:\n  cci file push notes.txt worker:/home/code/notes.txt\n  cci file push -r src worker:/srv\n  cci file push --uid 0 --mode 600 key worker:/root/key"
    )]
    Push(PushArgs),
    /// Copy a file or a directory out of a container
    #[command(
        after_help = "Examples:\n  cci file pull worker:/etc/os-release .\n  cci file pull -r worker:/srv/out results"
    )]
    Pull(PullArgs),
}

#[derive(Debug, Args)]
struct PushArgs {
    /// The file or directory on the host
    local: PathBuf,
    /// Where to copy it to
    #[arg(value_name = "NAME:PATH", add = ArgValueCandidates::new(complete::places))]
    remote: String,
    #[command(flatten)]
    owner: OwnerArg,
    /// Copy a directory with everything in it
    #[arg(long, short)]
    recursive: bool,
    /// Its owner in the container; default: code under /home/code and /workspace, else root
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)))]
    uid: Option<u32>,
    /// Its group in the container
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)))]
    gid: Option<u32>,
    /// The mode of files, in octal; default: unchanged
    #[arg(long, value_name = "MODE", value_parser = octal)]
    mode: Option<u32>,
}

#[derive(Debug, Args)]
struct PullArgs {
    /// What to copy
    #[arg(value_name = "NAME:PATH", add = ArgValueCandidates::new(complete::places))]
    remote: String,
    /// Where to copy it to on the host
    local: PathBuf,
    #[command(flatten)]
    owner: OwnerArg,
    /// Copy a directory with everything in it
    #[arg(long, short)]
    recursive: bool,
    /// Refuse a tree with more files
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    max_entries: u64,
    /// Give up when the container sends nothing for this long
    #[arg(long, value_name = "SECS", default_value_t = 60)]
    timeout: u64,
}

impl Verb for FileArgs {}

impl OnIncus for FileArgs {
    fn trust(&self) -> Trust {
        Trust::LeftOut
    }

    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        let summary = match &self.verb {
            FileVerb::Push(args) => push(args, cx).await?,
            FileVerb::Pull(args) => pull(args, cx).await?,
        };
        Terminal::result(&Text::one(summary)).map(|()| 0)
    }
}

async fn push(args: &PushArgs, cx: &Context) -> Result<String> {
    let ask = Push {
        from: args.local.clone(),
        to: Remote::parse(&args.remote)?,
        recursive: args.recursive,
        uid: args.uid,
        gid: args.gid,
        mode: args.mode,
    };
    let moved = transfer::push(&args.owner.reach(cx), &ask).await?;
    Ok(summary("Pushed", &args.local.to_string_lossy(), &moved))
}

async fn pull(args: &PullArgs, cx: &Context) -> Result<String> {
    let ask = Pull {
        from: Remote::parse(&args.remote)?,
        to: args.local.clone(),
        recursive: args.recursive,
        max_entries: args.max_entries,
        silence: Duration::from_secs(args.timeout),
    };
    let moved = transfer::pull(&args.owner.reach(cx), &ask).await?;
    Ok(summary("Pulled", &args.remote, &moved))
}

fn summary(verb: &str, from: &str, moved: &Moved) -> String {
    let (kind, entries) = match (moved.tree, moved.files) {
        (false, _) => ("file", String::new()),
        (true, files) => ("directory", count(files, "entry, ", "entries, ")),
    };
    format!("{verb} {kind} {from} -> {} ({entries}{})", moved.to, human(moved.bytes))
}

fn octal(raw: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(raw, 8).ok().filter(|mode| *mode <= 0o7777);
    mode.ok_or_else(|| "expected an octal mode such as 644".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_it_was_and_counts_a_directory() {
        let told = |tree, files| {
            let moved = Moved { tree, files, bytes: 2, to: "/srv/out".into() };
            summary("Pulled", "worker:/srv/out", &moved)
        };
        assert_eq!(told(false, 1), "Pulled file worker:/srv/out -> /srv/out (2 B)");
        assert_eq!(told(true, 1), "Pulled directory worker:/srv/out -> /srv/out (1 entry, 2 B)");
        assert_eq!(told(true, 6), "Pulled directory worker:/srv/out -> /srv/out (6 entries, 2 B)");
    }
}
