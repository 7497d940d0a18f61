//! Every failure as a user sees it.

use std::collections::BTreeSet;

use cci_incus_types::Refusal;

use super::CODES;
use crate::access::Access;
use crate::checkpoint::CheckpointId;
use crate::error::Error;
use crate::hint::hint;

/// One of each kind, and those whose words depend on what they hold.
fn samples() -> Vec<Error> {
    let name = || "cci-9c09f805-1".to_owned();
    let path = || "/home/u/proj".into();
    let id = || "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f".to_owned();
    let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let hinted = Some("the way out".to_owned());
    vec![
        Error::usage("no command to run"),
        Error::NoTerminal { verb: "shell" },
        Error::NoTerminal { verb: "attach" },
        Error::NotConfirmed { question: "kill 2 container(s): a, b".into(), flag: "--force" },
        Error::Workspace { path: path(), problem: "it does not exist".into() },
        Error::WorkspaceNotWritable { path: path(), access: Access::Own },
        Error::WorkspaceNotWritable { path: path(), access: Access::FurtherGroup("devs".into()) },
        Error::WorkspaceNotWritable { path: path(), access: Access::GroupList },
        Error::WorkspaceNotWritable { path: path(), access: Access::ReadOnly },
        Error::WorkspaceNotWritable { path: path(), access: Access::None },
        Error::Config { problem: "unknown profile 'rsut'".into(), hint: hinted.clone() },
        Error::Forbidden { problem: "mounting /etc is refused".into(), hint: hinted.clone() },
        Error::NotOwner { problem: "container cci-9c09f805-1 belongs to user 1000".into(), hint: hinted.clone() },
        Error::ContainerNotFound { name: name() },
        Error::ContainerNotRunning { name: name() },
        Error::ContainerRunning { name: name() },
        Error::ConnectionLost { name: name(), cause: "the socket was closed".into(), goes_on: true },
        Error::AgentEnded {
            name: name(),
            last: String::new(),
            hint: "run `cci shell` in a terminal to see why".into(),
        },
        Error::NoPrompt { name: name(), problem: "it is suspended: `fg` resumes it".into() },
        Error::NoTmuxSession { name: name() },
        Error::ContainerExists { name: name() },
        Error::SlotsExhausted,
        Error::NoSession { other: None },
        Error::NoSession { other: Some("/home/u/code".into()) },
        Error::SessionNotFound { id: id() },
        Error::ConversationLost { id: id() },
        Error::SessionElsewhere { id: id(), workspace: path() },
        Error::CheckpointNotFound { given: "3fa9".into(), problem: "there is none".into(), near: Vec::new() },
        Error::CheckpointNotFound {
            given: "3fa9".into(),
            problem: "several begin like this".into(),
            near: vec![
                CheckpointId::from_random(0x3fa9_0000_0100_0000),
                CheckpointId::from_random(0x3fa9_0000_0200_0000),
            ],
        },
        Error::CheckpointIncomplete {
            id: CheckpointId::from_random(0x0101_0101_0100_0000),
            part: "container",
            problem: "its copy was removed".into(),
        },
        Error::NothingToCompare { session: None },
        Error::NothingToCompare { session: "0199aa11-2233-4455-8677-8899aabbccdd".parse().ok() },
        Error::FindingNotFound { given: "3fa9".into(), near: Vec::new() },
        Error::FindingNotFound { given: "3fa9".into(), near: vec!["3fa9c1".into()] },
        Error::RewindUnfinished { to: CheckpointId::from_random(0x0101_0101_0100_0000) },
        Error::ForkNotFound { given: "proj-fork-3f".into(), near: Vec::new() },
        Error::ForkNotFound { given: "proj-fork-3f".into(), near: vec!["proj-fork-3fa9c1".into()] },
        Error::ForkElsewhere { name: "proj-fork-3fa9c1".into(), workspace: path() },
        Error::NoRewind,
        Error::ImageNotFound { image: "cci".into() },
        Error::ImageNotFound { image: "cci-rust".into() },
        Error::ImageNotFound { image: "other".into() },
        Error::ImageExists { image: "mine".into() },
        Error::IncusUnreachable { endpoint: "/run/incus/unix.socket".into(), cause: "connection refused".into() },
        Error::IncusForbidden { endpoint: "/run/incus/unix.socket".into() },
        Error::IncusRefused {
            step: "create the container".into(),
            refusal: Refusal::Other,
            message: "no space".into(),
        },
        Error::IncusRefused {
            step: "mount the directory".into(),
            refusal: Refusal::MountFailed,
            message: "exit status 1".into(),
        },
        Error::TimedOut { step: "start the container".into(), seconds: 30, still_running: false },
        Error::TimedOut { step: "start the container".into(), seconds: 30, still_running: true },
        Error::Host { step: "read", path: path(), source: denied() },
        Error::Host { step: "create", path: "/home/u/.cci/sessions-x".into(), source: denied() },
        Error::StepFailed { step: "step 'packages'".into(), problem: "exit status 1".into(), hint: hinted.clone() },
        Error::Partly { failed: 1, asked: 3 },
        Error::HostUnfit { problem: "the kernel has no idmapped mounts".into(), hint: hinted },
        Error::Interrupted,
        Error::Internal("no runtime".into()),
    ]
}

#[test]
fn every_failure_in_its_words() {
    let shown = samples().iter().fold(String::new(), |shown, error| {
        let way_out = hint(error).map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        format!("{shown}{} [exit {}]\n  {error}{way_out}\n", error.code(), error.exit())
    });
    insta::assert_snapshot!(shown);
}

#[test]
fn a_sample_of_each_kind_is_among_them() {
    let shown: BTreeSet<&str> = samples().iter().map(Error::code).collect();
    let all: BTreeSet<&str> = CODES.iter().map(|code| code.name).collect();
    assert_eq!(shown, all);
    assert_eq!(all.len(), CODES.len(), "a code has two meanings");
}

#[test]
fn every_text_has_one_form() {
    for error in samples() {
        let text = error.to_string();
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
        // the contract's own words
        let as_the_contract = text.starts_with("No tmux session");
        assert!(as_the_contract || !text.starts_with(char::is_uppercase), "{text}");
    }
    for code in CODES {
        let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(code.name.chars().all(kebab), "{}", code.name);
        assert!(matches!(code.exit, 1 | 2 | 130), "{}: {}", code.name, code.exit);
    }
}
