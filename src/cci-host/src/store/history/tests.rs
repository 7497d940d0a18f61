use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use cci_agent::{HostPlace, Unshared};
use cci_core::idmap::Ids;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::store::guest_dir::GuestDir;
use crate::store::transcripts;

const ID: &str = "3f2b8c1e-5d7a-4e0b-9c4f-1a2b3c4d5e6f";
const OTHER: &str = "00000000-0000-4000-8000-000000000001";
const OWN: &str = "00000000-0000-4000-8000-00000000000f";
const PROJ: &str = "/home/u/proj";

struct World {
    home: TempDir,
    shared: Shared,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".claude")).unwrap();
        fs::create_dir_all(home.path().join("session/.claude/projects/-workspace")).unwrap();
        let place = HostPlace { home: home.path().to_owned(), named: None };
        let shared = Shared::of(cci_agent::default_agent(), &place, Path::new(PROJ)).unwrap();
        Self { home, shared }
    }

    fn session(&self) -> PathBuf {
        self.home.path().join("session")
    }

    fn inside(&self, id: &str) -> PathBuf {
        self.session().join(format!(".claude/projects/-workspace/{id}.jsonl"))
    }

    fn on_host(&self, id: &str) -> PathBuf {
        self.home.path().join(format!(".claude/projects/-home-u-proj/{id}.jsonl"))
    }

    fn host_has(&self, id: &str, rows: &[Value]) {
        fs::create_dir_all(self.on_host(id).parent().unwrap()).unwrap();
        fs::write(self.on_host(id), file(rows)).unwrap();
    }

    fn bring(&self) -> Vec<Left> {
        let ids = Ids { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
        let state = GuestDir::open(&self.session().join(".claude"), ids).unwrap();
        bring(&self.shared, &self.session(), &state, OWN).unwrap()
    }

    fn take(&self) -> Taken {
        take(&self.session(), None)
    }

    fn is_left(&self, why: &WhyLeft) {
        let left = Left { id: ID.into(), why: why.clone() };
        assert_eq!(self.take(), Taken { taken: Vec::new(), left: vec![left] });
    }
}

fn said(id: &str, uuid: &str) -> Value {
    json!({ "type": "user", "uuid": uuid, "parentUuid": null, "sessionId": id, "cwd": PROJ, "message": { "content": uuid } })
}

fn file(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect::<Vec<_>>().concat()
}

fn noted(uuid: &str) -> Value {
    json!({ "type": "file-history-snapshot", "messageId": uuid, "snapshot": {} })
}

#[test]
fn what_is_said_in_turns_on_either_side_is_one_conversation() {
    let world = World::new();
    world.host_has(ID, &[noted("h"), said(ID, "a")]);
    assert_eq!(world.bring(), []);
    assert_eq!(fs::read(world.inside(ID)).unwrap(), fs::read(world.on_host(ID)).unwrap());
    assert_eq!(world.take(), Taken::default(), "nothing was said since");
    // inside
    fs::write(world.inside(ID), file(&[noted("h"), said(ID, "a"), noted("s"), said(ID, "b")])).unwrap();
    assert_eq!(world.take(), Taken { taken: vec![ID.into()], left: Vec::new() });
    let all = [noted("h"), said(ID, "a"), said(ID, "b")];
    assert_eq!(fs::read_to_string(world.on_host(ID)).unwrap(), file(&all), "what the host noted stays");
    assert_eq!(world.take(), Taken::default());
    // on the host
    let all = [&all[..], &[said(ID, "c")]].concat();
    world.host_has(ID, &all);
    assert_eq!(world.take(), Taken::default());
    assert_eq!(world.bring(), []);
    assert_eq!(fs::read_to_string(world.inside(ID)).unwrap(), file(&all));
    assert_eq!(fs::metadata(world.on_host(ID)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_conversation_of_a_session_is_given_to_the_host_for_its_user_alone() {
    let world = World::new();
    world.bring();
    fs::write(world.inside(OWN), file(&[said(OWN, "a")])).unwrap();
    assert_eq!(world.take().taken, [OWN]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = world.on_host(OWN);
    assert_eq!((mode(&place), mode(place.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    stop(&world.session()).unwrap();
    fs::write(world.inside(OWN), file(&[said(OWN, "a"), said(OWN, "b")])).unwrap();
    assert_eq!(world.take(), Taken::default(), "it shares no more");
}

#[test]
fn nothing_but_a_conversation_of_this_workspace_is_taken() {
    let world = World::new();
    world.bring();
    let secret = world.home.path().join("secret");
    fs::write(&secret, file(&[said(OTHER, "a")])).unwrap();
    symlink(&secret, world.inside(OTHER)).unwrap();
    for name in ["../../../settings", "notes", "agent-1a2b3c4d", "history"] {
        fs::write(world.inside(name), file(&[said(name, "a")])).unwrap();
    }
    let pipe = world.inside("00000000-0000-4000-8000-000000000002");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    fs::create_dir(world.inside("00000000-0000-4000-8000-000000000003")).unwrap();
    fs::write(world.inside(OWN), file(&[json!({ "type": "user", "text": "no place" })])).unwrap();
    fs::write(world.inside(ID), file(&[noted("a")])).unwrap();
    assert_eq!(world.take(), Taken::default());
    assert!(!world.on_host(ID).parent().unwrap().exists());
    for (row, why) in [
        (json!([]), Unshared::NoRow(2)),
        (said(OTHER, "b"), Unshared::OtherConversation(2)),
        (json!({ "cwd": "/etc" }), Unshared::OtherDirectory(2)),
    ] {
        fs::write(world.inside(ID), file(&[said(ID, "a"), row])).unwrap();
        world.is_left(&WhyLeft::Unshared(why));
    }
    let sparse = fs::File::create(world.inside(ID)).unwrap();
    sparse.set_len(files::LARGEST + 1).unwrap();
    world.is_left(&WhyLeft::TooMuch);
    assert!(!world.on_host(ID).parent().unwrap().exists());
}

#[test]
fn nothing_of_the_hosts_is_replaced_by_something_else() {
    let world = World::new();
    world.bring();
    fs::write(world.inside(ID), file(&[said(ID, "a"), said(ID, "b")])).unwrap();
    let other = file(&[said(ID, "a"), said(ID, "x")]);
    for (content, why) in [
        (other.as_str(), WhyLeft::Diverged),
        ("not of the agent", WhyLeft::Diverged),
        ("", WhyLeft::Diverged),
        (file(&[said(ID, "a")]).trim_end(), WhyLeft::Written),
        (&(file(&[said(ID, "a")]) + "{\"half"), WhyLeft::Written),
    ] {
        fs::create_dir_all(world.on_host(ID).parent().unwrap()).unwrap();
        fs::write(world.on_host(ID), content).unwrap();
        world.is_left(&why);
        assert_eq!(fs::read_to_string(world.on_host(ID)).unwrap(), content);
    }
    fs::remove_file(world.on_host(ID)).unwrap();
    let secret = world.home.path().join("secret");
    fs::write(&secret, file(&[said(ID, "a")])).unwrap();
    symlink(&secret, world.on_host(ID)).unwrap();
    world.is_left(&WhyLeft::NoFile);
    assert_eq!(fs::read_to_string(&secret).unwrap(), file(&[said(ID, "a")]));
    assert!(world.on_host(ID).is_symlink());
}

#[test]
fn no_link_leads_away_from_the_hosts_directory() {
    let world = World::new();
    world.bring();
    fs::write(world.inside(ID), file(&[said(ID, "a")])).unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), world.home.path().join(".claude/projects")).unwrap();
    assert!(matches!(&world.take().left[..], [Left { why: WhyLeft::Io(_), .. }]));
    fs::remove_file(world.home.path().join(".claude/projects")).unwrap();
    fs::rename(world.home.path().join(".claude"), world.home.path().join("real")).unwrap();
    symlink(outside.path(), world.home.path().join(".claude")).unwrap();
    assert!(matches!(&world.take().left[..], [Left { why: WhyLeft::Io(_), .. }]));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn only_files_about_the_workspace_come_into_a_session_and_where_it_has_more_that_stays() {
    let world = World::new();
    let mut row = said(OTHER, "a");
    row["cwd"] = "/home/u-proj".into();
    world.host_has(OTHER, &[row]);
    world.host_has(ID, &[said(ID, "a")]);
    world.host_has("notes", &[said("notes", "a")]);
    let secret = world.home.path().join("secret");
    fs::write(&secret, file(&[said(OWN, "a")])).unwrap();
    symlink(&secret, world.on_host(OWN)).unwrap();
    assert_eq!(world.bring(), []);
    assert!(world.inside(ID).exists());
    assert!(![OTHER, OWN, "notes"].iter().any(|id| world.inside(id).exists()));
    assert!(world.shared.has(ID) && !world.shared.has(OTHER) && !world.shared.has(OWN));
    let more = file(&[said(ID, "a"), said(ID, "b")]);
    fs::write(world.inside(ID), &more).unwrap();
    world.host_has(ID, &[said(ID, "a"), said(ID, "c")]);
    assert_eq!(world.bring(), []);
    assert_eq!(fs::read_to_string(world.inside(ID)).unwrap(), more);
    assert!(fs::read_dir(world.session().join(".claude")).unwrap().count() == 1, "transcripts alone");
}

#[test]
fn what_was_brought_is_no_conversation_of_the_session_until_something_is_said_in_it() {
    let world = World::new();
    world.host_has(ID, &[said(ID, "a")]);
    world.bring();
    let agent = cci_agent::default_agent();
    let newest = || {
        let brought: Vec<_> = untouched(&world.session()).collect();
        transcripts::newest(agent, &world.session().join(".claude"), &brought).map(|found| found.id)
    };
    assert_eq!(newest(), None);
    world.bring();
    assert_eq!(newest(), None);
    fs::write(world.inside(ID), file(&[said(ID, "a"), said(ID, "b")])).unwrap();
    assert_eq!(newest().as_deref(), Some(ID));
    world.bring();
    assert_eq!(newest().as_deref(), Some(ID));
}

#[test]
fn an_agent_or_a_path_that_cannot_be_shared_is_said() {
    let place = HostPlace { home: "/home/u".into(), named: None };
    let of = |agent: &str, path: &str| Shared::of(cci_agent::agent(agent), &place, Path::new(path)).unwrap_err();
    assert_eq!(of("dummy", PROJ), NotShared::Agent("Dummy"));
    assert_eq!(of(cci_agent::default_agent().name(), &"/x".repeat(101)), NotShared::Path);
}
