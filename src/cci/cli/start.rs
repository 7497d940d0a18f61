//! From argv to an exit status: parses, loads the settings, calls the verb, tells how it ended.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use cci_core::name::Prefix;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};
use cci_incus::Observer;
use clap::FromArgMatches;
use clap::error::ErrorKind;

use super::args::{Cli, GlobalArgs, TopFlags, Verb};
use super::command::{typed, whole};
use super::launch_flags;
use super::output::Format;
use super::usage::{Refused, refused};
use super::version::VersionArgs;
use crate::ui::log::Log;
use crate::ui::terminal::{Terminal, Voice};
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::launch::environment;
use cci_engine::ledger::{Ledger, Server};
use cci_engine::network;
use cci_engine::roll_back;
use cci_engine::scope::Scope;
use cci_engine::timeline::Timeline;
use cci_host::caller::Caller;
use cci_host::settings::{Overrides, Stack, Trust};
use cci_host::{incus_socket, signals};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// What cci itself failed with, in a verb whose status is the command's.
const OWN_FAILURE: u8 = 125;

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let timeline = Timeline::begin();
    if super::completion::answered() {
        return ExitCode::SUCCESS;
    }
    let argv: Vec<OsString> = std::env::args_os().collect();
    let (Cli { flags: TopFlags { version, global }, verb }, name) = match parsed(&argv) {
        Ok(parsed) => parsed,
        Err(error) => return unparsed(&error, &argv),
    };
    let verb = if version { Some(Verb::Version(VersionArgs::default())) } else { verb };
    let verb = verb.unwrap_or_else(|| Verb::Shell(super::shell::ShellArgs::default()));
    let terminal = Arc::new(Terminal::new(voice(Some((&global, &verb)))));
    log_for_developers(global.verbose);
    let passes_status = verb.passes_status();
    let span = tracing::info_span!("cci", verb = name);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Internal(format!("no runtime: {source}")))
        .and_then(|runtime| {
            let done = runtime.block_on(carry_out(verb, &global, &terminal, &timeline).instrument(span));
            // a blocked read of the terminal must not hold the end back
            runtime.shutdown_background();
            done
        });
    let status = end(done, &terminal, passes_status);
    if global.timing {
        terminal.timing(&timeline.lines());
    }
    status
}

/// What was typed, and the words of its verb.
fn parsed(argv: &[OsString]) -> clap::error::Result<(Cli, String)> {
    // what is refused or asked for help is parsed again, for what it is then shown
    let matches = typed(argv).try_get_matches_from(argv).or_else(|_| whole().try_get_matches_from(argv))?;
    if let Some((verb, flag)) = launch_flags::misplaced(&matches) {
        return Err(whole().error(ErrorKind::ArgumentConflict, format!("`{verb}` takes no '{flag}'")));
    }
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut whole()))?;
    Ok((cli, launch_flags::verb_of(&matches).0.join(" ")))
}

async fn carry_out(verb: Verb, global: &GlobalArgs, terminal: &Arc<Terminal>, timeline: &Timeline) -> Result<u8> {
    // these work with a broken file and without Incus
    let verb = match verb {
        Verb::Config(args) => return super::config::run(args, global, terminal).await,
        Verb::Profile(args) => return super::profile::run(&args, global, terminal),
        Verb::Schema(args) => return super::schema::run(&args),
        Verb::Completion(args) => return super::completion::run(&args),
        Verb::Reference(args) => return super::reference::run(&args),
        Verb::Version(args) => return super::version::run(&args),
        other => other,
    };
    let observe = global.timing.then(|| timeline.observer());
    let cx = context(global, terminal, verb.trust(), signals::cancellation(), observe)?;
    if verb.clears_up() {
        roll_back::on_failure(&cx, async {
            roll_back::abandoned(&cx).await;
            Ok(())
        })
        .await?;
    }
    let (done, ()) = tokio::join!(with_incus(verb, global, &cx, terminal), network::on_occasion(&cx));
    done
}

/// Each verb's work is on the heap: only one of them is there.
async fn with_incus(verb: Verb, global: &GlobalArgs, cx: &Context, terminal: &Arc<Terminal>) -> Result<u8> {
    match verb {
        Verb::Setup(args) => roll_back::on_failure(cx, super::setup::run(&args, cx, terminal)).await,
        Verb::Doctor(args) => {
            roll_back::on_failure(cx, super::doctor::run(&args, global.verbose > 0, cx, terminal)).await
        }
        Verb::Shell(args) => Box::pin(super::shell::run(&args, global, cx, terminal)).await,
        Verb::Run(args) => Box::pin(super::run::run(args, global, &environment::made(cx).await?)).await,
        Verb::Attach(args) => {
            Box::pin(super::attach::run(&args, global, &environment::made(cx).await?, terminal)).await
        }
        Verb::List(args) => roll_back::on_failure(cx, super::list::run(&args, cx)).await,
        Verb::Shutdown(args) => roll_back::on_failure(cx, super::end::shutdown(&args, cx, terminal)).await,
        Verb::Kill(args) => roll_back::on_failure(cx, super::end::kill(&args, cx, terminal)).await,
        Verb::Info(args) => roll_back::on_failure(cx, super::info::run(&args, cx)).await,
        Verb::Persist(args) => roll_back::on_failure(cx, super::persist::run(&args, cx, terminal)).await,
        Verb::Clean(args) => {
            roll_back::on_failure(cx, super::clean::run(&args, global.persistent == Some(true), cx, terminal)).await
        }
        Verb::Reclaim(args) => roll_back::on_failure(cx, super::reclaim::run(&args, cx)).await,
        Verb::Tmux(args) => roll_back::on_failure(cx, super::tmux::run(&args, cx)).await,
        Verb::Build(args) => Box::pin(super::build::run(args, cx, terminal)).await,
        Verb::Container(args) => Box::pin(super::container::run(&args, cx)).await,
        Verb::File(args) => roll_back::on_failure(cx, super::file::run(&args, cx)).await,
        Verb::Bench(args) => Box::pin(super::bench::run(&args, cx, terminal)).await,
        Verb::Network(args) => roll_back::on_failure(cx, super::network::run(&args, cx)).await,
        Verb::Image(args) => roll_back::on_failure(cx, super::image::run(&args, cx)).await,
        Verb::Images(args) => roll_back::on_failure(cx, super::image::list(&args, cx)).await,
        Verb::Config(_)
        | Verb::Profile(_)
        | Verb::Schema(_)
        | Verb::Completion(_)
        | Verb::Reference(_)
        | Verb::Version(_) => Ok(0),
    }
}

/// Everything a use-case works with.
pub(super) fn context(
    global: &GlobalArgs,
    terminal: &Arc<Terminal>,
    trust: Trust,
    cancel: CancellationToken,
    observer: Option<Observer>,
) -> Result<Context> {
    let caller = Caller::of_this_process()?;
    let workspace = Workspace::resolve(&caller.current_dir, &global.workspace);
    let stack = Stack::read(&caller, &workspace, global.config.as_deref(), &overrides(global), trust)?;
    if let Some(why) = stack.set_aside() {
        terminal.warn(&format!("the project's configuration is left out: {why}"));
    }
    let settings = stack.settings()?;
    let prefix = match caller.var("CCI_CONTAINER_PREFIX") {
        None => Prefix::default(),
        Some(raw) => Prefix::parse(raw)
            .map_err(|error| Error::Config { problem: format!("CCI_CONTAINER_PREFIX: {error}"), hint: None })?,
    };
    let environment = super::given::environment(global, &caller, &workspace)?;
    let client = incus_socket::client(&caller, &settings);
    let client = match observer {
        Some(observer) => client.observed(observer),
        None => client,
    };
    let server = Server { endpoint: client.endpoint().to_owned(), project: client.project().to_owned() };
    let ledger = Ledger::new(caller.home.join(".cci/unfinished"), server);
    Ok(Context {
        client,
        stack,
        settings,
        caller,
        workspace,
        prefix,
        environment,
        any_owner: false,
        reporter: terminal.clone(),
        scope: Scope::new(cancel, ledger),
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
        brings_credentials: global.brings_credentials(),
    }
}

#[expect(clippy::disallowed_methods, reason = "asked what it is only")]
fn voice(parsed: Option<(&GlobalArgs, &Verb)>) -> Voice {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let seen = std::io::stderr().is_terminal();
    let color = seen && !unwanted && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    match parsed {
        None => Voice { color, ..Voice::default() },
        Some((global, verb)) => {
            let json_errors = verb.format() == Some(Format::Json);
            // a program that reads stderr shall find the error and nothing else
            let quiet = global.quiet || (json_errors && !seen);
            Voice { quiet, color: color && !global.no_color, json_errors, silent: false }
        }
    }
}

/// Help goes to stdout; a refusal is told in the form that the rest of the command line asks for.
fn unparsed(error: &clap::Error, argv: &[OsString]) -> ExitCode {
    // there the global flags are each verb's own
    match refused(error, &whole(), argv) {
        Refused::Asked(text) => {
            end(Terminal::result(&Text::block(&text)).map(|()| 0), &Terminal::new(voice(None)), false)
        }
        Refused::Wrong(error) => {
            let argv: Vec<&OsString> = argv.iter().take_while(|arg| *arg != "--").collect();
            let json = argv.iter().any(|arg| *arg == "--format=json")
                || argv.windows(2).any(|two| two[0] == "--format" && two[1] == "json");
            let no_color = argv.iter().any(|arg| *arg == "--no-color");
            let voice = voice(None);
            let terminal = Terminal::new(Voice { json_errors: json, color: voice.color && !no_color, ..voice });
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
        (_, 1) => "cci=info".to_owned(),
        (_, 2) => "cci=debug".to_owned(),
        _ => "cci=trace".to_owned(),
    };
    let filter = tracing_subscriber::EnvFilter::new(filter);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(Log).with_ansi(false).init();
}
