//! Every event in its words.

use std::path::PathBuf;
use std::time::Duration;

use cci_agent::{NotCopied, Omission, Secrets};
use cci_core::Error;
use cci_core::access::{Access, Wanted};
use cci_core::build::source::Suite;
use cci_core::network::{Mode, Obstacle};
use cci_core::plan::PlanWarning;
use cci_core::session::SessionId;
use cci_core::setup::step::Step;
use cci_core::slot::Slot;
use cci_engine::event::{
    Activity, Amount, BuildEvent, BuildStep, ClosedLink, Direction, Fallback, ImageEvent, InstanceEvent, LaunchEvent,
    NetworkEvent, Progress, RollBackEvent, ServerProblem, SessionEvent, SpecialFile, TransferEvent, Unwatched,
    UpkeepEvent, WhyClosed,
};
use cci_engine::ledger::Made;
use cci_host::git::Elsewhere;
use cci_host::store::remark::{LeftOut, Remark};

use super::*;
use crate::ui::text::shown;
use cci_host::store::history::{Left, NotShared, WhyLeft};

const CONTAINER: &str = "cci-9c09f805-1";
const SERVER: &str = "https://images.example";

fn container() -> String {
    CONTAINER.to_owned()
}

fn session() -> SessionId {
    "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f".parse().unwrap()
}

fn slot(number: u8) -> Slot {
    Slot::new(number).unwrap()
}

fn why() -> Error {
    Error::TimedOut { step: "stop the container".into(), seconds: 60, still_running: false }
}

fn launches() -> Vec<Event> {
    let warnings = [
        PlanWarning::OpenNetwork,
        PlanWarning::NoEffectInAllowlist { key: "block_private_networks" },
        PlanWarning::NoEffect { key: "hosts", mode: Mode::Open },
        PlanWarning::NoEffect { key: "ask", mode: Mode::None },
        PlanWarning::ShiftedWorkspace,
        PlanWarning::InGvisor,
        PlanWarning::RootsWorkspace,
    ];
    let others = [
        LaunchEvent::Preparing,
        LaunchEvent::SlotOccupied { wanted: slot(1), got: slot(2) },
        LaunchEvent::SlotAllocated(slot(3)),
        LaunchEvent::ReusingContainer,
        LaunchEvent::OtherImage { container: container(), image: "cci".into(), asked: "cci-next".into() },
        LaunchEvent::ConfigurationApplied { changed: vec!["limits.memory".into(), "workspace".into()] },
        LaunchEvent::LinksShown { targets: vec!["/srv/set".into(), "/srv/x\u{1b}[2J".into()], readonly: true },
        LaunchEvent::LinksShown { targets: vec!["/srv/set".into()], readonly: false },
        LaunchEvent::LinksClosed(
            [
                WhyClosed::New,
                WhyClosed::Around,
                WhyClosed::OfHome,
                WhyClosed::Led,
                WhyClosed::Unusable("it does not exist".into()),
                WhyClosed::TooMany(32),
            ]
            .map(|why| ClosedLink { link: "data/set".into(), target: "/srv/set".into(), why })
            .into(),
        ),
        LaunchEvent::LinksClosed(vec![ClosedLink {
            link: "x\u{1b}[2J".into(),
            target: "/srv/$(id)".into(),
            why: WhyClosed::New,
        }]),
        LaunchEvent::LinksNotSearched,
        LaunchEvent::DotenvUnread { problem: "it is not UTF-8".into() },
        LaunchEvent::DotenvLeftOut { names: vec!["LD_PRELOAD".into(), "PATH".into()], lines: vec![3, 7] },
        LaunchEvent::DotenvLeftOut { names: vec![], lines: (1..20).collect() },
        LaunchEvent::NotNoted(why()),
        LaunchEvent::GitConfigUnread {
            file: "/home/u/.gitconfig".into(),
            problem: "line 1 is no configuration".into(),
        },
        LaunchEvent::MountOutOfReach {
            path: "/srv/data".into(),
            wanted: Wanted::Write,
            access: Access::FurtherGroup("devs".into()),
        },
        LaunchEvent::MountedBelow {
            points: vec!["/src/m/data".into(), "/src/m/\u{1b}".into()],
            inside: "/workspace/data".into(),
        },
        LaunchEvent::MountOutOfReach { path: "/srv/da\u{1b}".into(), wanted: Wanted::Read, access: Access::GroupList },
    ];
    let elsewhere = [
        Elsewhere::Worktree { main: "/src/m".into(), common: "/src/m/.git".into(), inside: "/m/.git".into() },
        Elsewhere::Worktree { main: "/src/m.git".into(), common: "/src/m.git".into(), inside: "/src/m.git".into() },
        Elsewhere::Submodule { of: "/src/m".into() },
        Elsewhere::Part { of: "/src/m".into() },
        Elsewhere::Led { to: "/src/\u{1b}[2J".into() },
        Elsewhere::Borrows { from: "/src/m/.git/objects".into() },
        Elsewhere::Configured { worktree: "/src/m".into() },
        Elsewhere::Hooks { at: "/src/hooks\u{1b}".into() },
    ];
    let elsewhere = elsewhere.map(|one| LaunchEvent::RepositoryElsewhere(one).into());
    let networks = [
        NetworkEvent::MakingNetwork,
        NetworkEvent::Obstacle(Obstacle { problem: "ufw drops packets", fix: "sudo ufw allow in on cci-1".into() }),
        NetworkEvent::NoPublicAddress { domain: "internal.example".into() },
    ];
    let warnings = warnings.map(|warning| LaunchEvent::Warning(warning).into());
    warnings.into_iter().chain(others.map(Event::from)).chain(elsewhere).chain(networks.map(Event::from)).collect()
}

fn omissions() -> Vec<Omission> {
    let path = || PathBuf::from("/home/u/.agent/x\u{1b}");
    let key = || "hooks.Stop".to_owned();
    vec![
        Omission::NotCopied { path: path(), why: NotCopied::Unreadable("Permission denied".into()) },
        Omission::NotCopied { path: path(), why: NotCopied::Dangling },
        Omission::NotCopied { path: path(), why: NotCopied::Endless },
        Omission::NotCopied { path: path(), why: NotCopied::Special },
        Omission::NotCopied { path: path(), why: NotCopied::NoDirectory },
        Omission::NotCopied { path: path(), why: NotCopied::LedTo("/home/u/.ssh/id".into()) },
        Omission::NotCopied { path: path(), why: NotCopied::Closed("/home/u/.ssh/x\u{1b}".into()) },
        Omission::NotCopied { path: path(), why: NotCopied::TooMuch },
        Omission::NotRead { path: path(), problem: "expected value at line 1 column 1".into() },
        Omission::NoEffect { file: path(), key: key() },
        Omission::InTheWay { file: "settings.json", key: key() },
        Omission::NamesHost { file: path(), key: key(), place: "/home/u/bin/guard".into(), left_out: false },
        Omission::NamesHost { file: path(), key: key(), place: "/home/u/bin/guard".into(), left_out: true },
        Omission::NamesLoopback { file: path(), key: key(), left_out: false },
        Omission::NeedsProgram { file: path(), key: key(), program: "ruby".into(), left_out: false },
        Omission::NeedsProgram { file: path(), key: key(), program: "pass".into(), left_out: true },
        Omission::NotNamed(path()),
        Omission::OfHostOnly(path()),
        Omission::Undone("skills/x".into()),
        Omission::PutAside { path: path(), kept: "/home/u/.agent/x.damaged".into() },
        Omission::LeftAlone { path: path(), problem: "it is too large to read".into() },
    ]
}

fn sessions() -> Vec<Event> {
    let sessions = [
        SessionEvent::AutoDetected(session()),
        SessionEvent::Resuming(session()),
        SessionEvent::Started { session: session(), container: container(), network: Mode::Restricted },
        SessionEvent::Damaged(why()),
        SessionEvent::SecretsInSettings(Secrets {
            file: "/home/u/.agent/settings.json".into(),
            keys: vec!["env.A".into(), "b".into()],
        }),
        SessionEvent::AgentAsksAbout { files: vec![".mcp.json", ".hooks"] },
        SessionEvent::Replaced { shown_by: Some(container()), paths: vec!["/home/u/proj".into()] },
        SessionEvent::Replaced { shown_by: None, paths: vec!["/home/u/proj".into(), "/home/u/.rc".into()] },
        SessionEvent::ContainerGone { session: session(), workspace: "/home/u/proj".into(), replaced: Vec::new() },
        SessionEvent::ContainerGone { session: session(), workspace: "/x".into(), replaced: vec!["/x/rc".into()] },
        SessionEvent::WaitingForReboot,
        SessionEvent::Rebooted,
        SessionEvent::DidNotStartAgain { container: container(), replaced: vec!["/home/u/.rc".into()] },
        SessionEvent::DidNotStartAgain { container: container(), replaced: Vec::new() },
        SessionEvent::HistoryNotShared(NotShared::Agent("Agent")),
        SessionEvent::HistoryNotShared(NotShared::Path),
        SessionEvent::HistoryTaken(1),
        SessionEvent::HistoryLeft(
            (1..=6).map(|id| Left { id: format!("{id}\u{1b}"), why: WhyLeft::Diverged }).collect(),
        ),
        SessionEvent::NothingSaid(session()),
        SessionEvent::KeptInVolume,
        SessionEvent::NotWatched(Unwatched::OutOfReach),
        SessionEvent::NotWatched(Unwatched::Failed("nobody answers at /home/u/.cci/run/supervisor.sock".into())),
        SessionEvent::NotWatched(Unwatched::LoginOutOfReach),
        SessionEvent::LoginUnusable {
            path: "/home/u/.agent/login".into(),
            problem: "it is a link".into(),
            agent: "Agent",
        },
        SessionEvent::LoginEnded { agent: "Agent" },
        SessionEvent::LoginSetAside(vec!["A_KEY".into(), "AN_ADDRESS".into()]),
        SessionEvent::LoginEnds { at: "2026-12-01T10:00:00Z".parse().unwrap(), agent: "Agent", account: None },
        SessionEvent::LoginEnds {
            at: "2026-12-01T10:00:00Z".parse().unwrap(),
            agent: "Agent",
            account: "work".parse().ok(),
        },
        SessionEvent::OthersStay(vec!["one".into(), "two".into()]),
        SessionEvent::NoSshAgent("SSH_AUTH_SOCK is not set".into()),
        SessionEvent::NotLetIn("the supervisor does not answer".into()),
        SessionEvent::NotCopiedHome(why()),
        SessionEvent::WaitingForShutdown,
        SessionEvent::Saved,
        SessionEvent::ContainerRunsOn { container: container() },
        SessionEvent::ContainerKept,
        SessionEvent::ContainerRemoved,
    ];
    let instances = [
        InstanceEvent::DidNotShutDown { container: container(), within: Duration::from_secs(30) },
        InstanceEvent::NotEnded(why()),
        InstanceEvent::ShiftedMount,
        InstanceEvent::AlsoNamed { other: "/home/u/code".into(), containers: vec![container()] },
    ];
    let omitted = omissions().into_iter().map(|one| Event::from(SessionEvent::Omitted(vec![one])));
    omitted.chain(sessions.map(Event::from)).chain(instances.map(Event::from)).collect()
}

fn builds() -> Vec<Event> {
    let fallback = |problem| BuildEvent::Fallback(Fallback { url: SERVER.into(), problem, suite: Suite::standard() });
    let fallbacks = [
        fallback(ServerProblem::NoImage { alias: "debian/13", arch: "x86_64" }),
        fallback(ServerProblem::Unreachable),
        fallback(ServerProblem::Silent { within: Duration::from_secs(5) }),
    ];
    let steps = [
        BuildStep::Bootstrap(Suite::standard()),
        BuildStep::StartFrom { base: "images:debian/13".into() },
        BuildStep::Run { title: "install packages".into() },
        BuildStep::Publish,
        BuildStep::Unpack,
    ];
    let done = BuildEvent::StepDone { step: BuildStep::Publish, took: Duration::from_millis(1250) };
    let others = [
        BuildEvent::Log(PathBuf::from("/home/u/.cci/logs/build.log")),
        BuildEvent::AskingServer { url: SERVER.into() },
        BuildEvent::FromServer { url: SERVER.into(), alias: "debian/13".into() },
        done,
    ];
    let images = [ImageEvent::Publishing, ImageEvent::NotRemoved(why())];
    let builds = others.into_iter().chain(fallbacks).chain(steps.map(BuildEvent::StepBegan));
    builds.map(Event::from).chain(images.map(Event::from)).collect()
}

fn special(path: String, mode: u32) -> SpecialFile {
    SpecialFile { path, mode }
}

fn transfers() -> Vec<Event> {
    let path = || "tree/file".to_owned();
    let transfers = [
        TransferEvent::Remark(Remark::LeftOut { path: path(), why: LeftOut::Special }),
        TransferEvent::Remark(Remark::LeftOut { path: path(), why: LeftOut::LinksOut }),
        TransferEvent::Remark(Remark::SetIdBit { path: path(), mode: 0o4755 }),
        TransferEvent::Changed { words: "file changed as we read it".into() },
        TransferEvent::NotUtf8 { path: path() },
        TransferEvent::SpecialBitsLost { files: vec![special(path(), 0o4755), special("tree/dir".into(), 0o1777)] },
    ];
    let activities = [
        Activity::ImportRootfs,
        Activity::Create { step: "create the build container" },
        Activity::PublishImage,
        Activity::Build(BuildStep::Publish),
        Activity::Transfer { direction: Direction::Push, files: 7 },
        Activity::Transfer { direction: Direction::Pull, files: 8 },
        Activity::Incus { words: "rootfs: 45%".into() },
    ];
    let progress = activities.map(|activity| Progress { activity, amount: Amount::Percent(45) }.into());
    transfers.map(Event::from).into_iter().chain(progress).chain([Event::Idle]).collect()
}

fn upkeep() -> Vec<Event> {
    let upkeep = [
        UpkeepEvent::NotRemoved(why()),
        UpkeepEvent::NotHandedOver(why()),
        UpkeepEvent::LookingForFiles,
        UpkeepEvent::FilesStay { workspace: PathBuf::from("/home/u/proj"), owners: vec![1_000_000, 1_001_000] },
        UpkeepEvent::Setup(Step::StartService),
    ];
    let made = || Made::Instance { name: container(), launch: "0badcafe".into() };
    let roll_backs =
        [RollBackEvent::NotRemoved { made: made(), error: why() }, RollBackEvent::RemovedAbandoned(made())];
    upkeep.map(Event::from).into_iter().chain(roll_backs.map(Event::from)).collect()
}

fn samples() -> impl Iterator<Item = Event> {
    [launches(), sessions(), builds(), transfers(), upkeep()].into_iter().flatten()
}

/// What of a telling is text, line by line.
fn lines(telling: Telling) -> Vec<String> {
    match telling {
        Telling::Step { text, .. } | Telling::Progress { text, .. } => vec![text],
        Telling::Notes(lines) => lines,
        Telling::Warning { text, hint } => [text].into_iter().chain(hint).collect(),
        Telling::Idle => Vec::new(),
    }
}

#[test]
fn every_event_in_its_words() {
    let words = |event: Event| match told(&event) {
        Telling::Step { scope, text } => format!("[{scope}] {text}\n"),
        Telling::Notes(lines) => lines.join("\n") + "\n",
        Telling::Warning { text, hint: None } => format!("warning: {text}\n"),
        Telling::Warning { text, hint: Some(hint) } => format!("warning: {text}\nhint: {hint}\n"),
        Telling::Progress { text, amount } => format!("{text} ({amount:?})\n"),
        Telling::Idle => "(idle)\n".to_owned(),
    };
    insta::assert_snapshot!(samples().map(words).collect::<String>());
}

#[test]
fn every_text_is_made_of_whole_lines_that_a_screen_shows_as_they_are() {
    for event in samples() {
        for line in lines(told(&event)) {
            assert!(!line.is_empty(), "{event:?}");
            assert_eq!(shown(&line), line, "{event:?}");
        }
    }
}

#[test]
fn what_a_container_calls_its_files_stays_on_the_line() {
    let hostile = || "a\n\u{1b}[2Jerror: b".to_owned();
    let events = [
        TransferEvent::NotUtf8 { path: hostile() },
        TransferEvent::SpecialBitsLost { files: vec![special(hostile(), 0o4755)] },
    ];
    for event in events.map(Event::from) {
        let lines = lines(told(&event));
        assert!(lines.iter().all(|line| !line.contains(['\n', '\u{1b}'])), "{lines:?}");
    }
}
