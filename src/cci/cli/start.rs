//! From argv to an exit status: parses, loads the settings, calls the verb, tells how it ended.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use cci_core::name::Prefix;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use clap::Parser;

use super::args::{Cli, Format, GlobalArgs, Verb};
use super::usage::{Refused, refused};
use crate::app::context::Context;
use crate::app::environment;
use crate::app::network;
use crate::app::undo::Undo;
use crate::host::caller::Caller;
use crate::host::incus_socket;
use crate::settings::{Overrides, Stack, Trust};
use crate::ui::terminal::{Terminal, Voice};

/// What cci itself failed with, in a verb whose status is the command's.
const OWN_FAILURE: u8 = 125;

/// The whole program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    if cli.version || matches!(cli.verb, Some(Verb::Version)) {
        return end(super::version::run().map(|()| 0), &Terminal::new(voice(None)), false);
    }
    let verb = cli.verb.unwrap_or_else(|| Verb::Shell(super::shell::ShellArgs::default()));
    let terminal = Arc::new(Terminal::new(voice(Some((&cli.global, &verb)))));
    log_for_developers(cli.global.verbose);
    let passes_status = verb.passes_status();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Internal(format!("no runtime: {source}")))
        .and_then(|runtime| {
            let done = runtime.block_on(carry_out(verb, &cli.global, &terminal));
            // a blocked read of the terminal must not hold the end back
            runtime.shutdown_background();
            done
        });
    end(done, &terminal, passes_status)
}

async fn carry_out(verb: Verb, global: &GlobalArgs, terminal: &Arc<Terminal>) -> Result<u8> {
    // these work with a broken file and without Incus
    let verb = match verb {
        Verb::Config(args) => return super::config::run(args, global, terminal).await,
        Verb::Profile(args) => return super::profile::run(&args, global, terminal),
        other => other,
    };
    let cx = context(global, terminal)?;
    let (done, ()) = tokio::join!(with_incus(verb, global, &cx), network::on_occasion(&cx));
    done
}

async fn with_incus(verb: Verb, global: &GlobalArgs, cx: &Context) -> Result<u8> {
    match verb {
        Verb::Setup(args) => cx.guarded(super::setup::run(&args, cx)).await,
        Verb::Doctor(args) => cx.guarded(super::doctor::run(&args, global.verbose > 0, cx)).await,
        Verb::Shell(args) => super::shell::run(&args, global, cx).await,
        Verb::Run(args) => super::run::run(args, global, &environment::made(cx.clone()).await?).await,
        Verb::Attach(args) => super::attach::run(&args, global, &environment::made(cx.clone()).await?).await,
        Verb::List(args) => cx.guarded(super::list::run(&args, cx)).await,
        Verb::Shutdown(args) => cx.guarded(super::end::shutdown(&args, cx)).await,
        Verb::Kill(args) => cx.guarded(super::end::kill(&args, cx)).await,
        Verb::Info(args) => cx.guarded(super::info::run(&args, cx)).await,
        Verb::Persist(args) => cx.guarded(super::persist::run(&args, cx)).await,
        Verb::Clean(args) => cx.guarded(super::clean::run(&args, global.persistent == Some(true), cx)).await,
        Verb::Reclaim(args) => cx.guarded(super::reclaim::run(&args, cx)).await,
        Verb::Tmux(args) => cx.guarded(super::tmux::run(&args, cx)).await,
        Verb::Build(args) => super::build::run(args, cx).await,
        Verb::Network(args) => cx.guarded(super::network::run(&args, cx)).await,
        Verb::Config(_) | Verb::Profile(_) | Verb::Version => Ok(0),
    }
}

/// Everything a use-case works with.
fn context(global: &GlobalArgs, terminal: &Arc<Terminal>) -> Result<Context> {
    let caller = Caller::of_this_process()?;
    let workspace = Workspace::resolve(&caller.current_dir, &global.workspace);
    let stack = Stack::read(&caller, &workspace, global.config.as_deref(), &overrides(global), Trust::Judged)?;
    let settings = stack.settings()?;
    let prefix = match caller.var("CCI_CONTAINER_PREFIX") {
        None => Prefix::default(),
        Some(raw) => Prefix::parse(raw)
            .map_err(|error| Error::Config { problem: format!("CCI_CONTAINER_PREFIX: {error}"), hint: None })?,
    };
    let environment = given_environment(&global.env, &caller.environment)?;
    let client = incus_socket::client(&caller, &settings);
    Ok(Context {
        client,
        stack,
        settings,
        caller,
        workspace,
        prefix,
        environment,
        reporter: terminal.clone(),
        undo: Undo::default(),
    })
}

/// What the flags say about settings.
pub(super) fn overrides(global: &GlobalArgs) -> Overrides {
    Overrides {
        image: global.image.clone(),
        persistent: global.persistent,
        network: global.network,
        mounts: global.mount.clone(),
        storage: global.storage.clone(),
        profile: global.profile.clone(),
    }
}

/// `-e K=V`, and `-e K` for the host's own value.
fn given_environment(flags: &[String], host: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let mut environment = BTreeMap::new();
    for flag in flags {
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag.as_str(), host.get(flag).cloned()),
        };
        if name.is_empty() || name.contains(['\0', ' ']) {
            return Err(Error::usage(format!("invalid environment '{flag}': it has no name")));
        }
        if let Some(value) = value {
            environment.insert(name.to_owned(), value);
        }
    }
    Ok(environment)
}

fn voice(parsed: Option<(&GlobalArgs, &Verb)>) -> Voice {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = std::io::stderr().is_terminal() && !unwanted;
    match parsed {
        None => Voice { quiet: false, color, json_errors: false },
        Some((global, verb)) => Voice {
            quiet: global.quiet,
            color: color && !global.no_color,
            json_errors: verb.format() == Some(Format::Json),
        },
    }
}

/// Help goes to stdout; a refusal is told in the form that the rest of the command line asks for.
fn unparsed(error: &clap::Error) -> ExitCode {
    match refused(error) {
        Refused::Asked(text) => end(Terminal::result(&text).map(|()| 0), &Terminal::new(voice(None)), false),
        Refused::Wrong(error) => {
            let argv: Vec<String> = std::env::args().skip(1).take_while(|arg| arg != "--").collect();
            let json =
                argv.iter().any(|arg| arg == "--format=json") || argv.windows(2).any(|two| two == ["--format", "json"]);
            let terminal = Terminal::new(Voice { json_errors: json, ..voice(None) });
            end(Err(error), &terminal, false)
        }
    }
}

fn end(done: Result<u8>, terminal: &Terminal, passes_status: bool) -> ExitCode {
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal.failure(&error);
            let own = passes_status && error.exit() == 1;
            ExitCode::from(if own { OWN_FAILURE } else { error.exit() })
        }
    }
}

/// `CCI_LOG` (a `tracing` filter) or `-v`: nothing else switches the log on.
fn log_for_developers(verbose: u8) {
    let filter = match (std::env::var("CCI_LOG"), verbose) {
        (Ok(filter), _) if !filter.is_empty() => filter,
        (_, 0) => return,
        (_, 1) => "cci=info,cci_incus=info".to_owned(),
        (_, 2) => "cci=debug,cci_incus=debug".to_owned(),
        _ => "cci=trace,cci_incus=trace".to_owned(),
    };
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
