use std::fs;

use super::breaches::{check, check_checkout};
use super::{one_way, site};
use crate::step::root;

/// The files of a small tree, each with its text.
fn checked(files: &[(&str, &str)], list: &str) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join("src").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    check(dir.path(), list)
}

#[track_caller]
fn is_found(files: &[(&str, &str)], expected: &str) {
    let found = checked(files, "").unwrap_err();
    assert!(found.contains(expected), "{found}");
}

#[track_caller]
fn is_well(files: &[(&str, &str)]) {
    assert_eq!(checked(files, ""), Ok(()));
}

#[test]
fn this_tree_keeps_the_laws() {
    if let Err(wrong) = check_checkout() {
        panic!("{wrong}");
    }
}

#[test]
fn a_breach_that_is_listed_passes_and_one_that_has_gone_does_not() {
    let breach = ("cci/a.rs", "static STATE: Mutex<u8> = Mutex::new(0);");
    assert_eq!(checked(&[breach], "static src/cci/a.rs\n"), Ok(()));
    let gone = checked(&[("cci/a.rs", "")], "static src/cci/a.rs\n").unwrap_err();
    assert_eq!(gone, "static src/cci/a.rs: is well; take it off the list");
    assert!(checked(&[], "statics src/cci/a.rs\n").is_err());
}

#[test]
fn a_circle_is_printed() {
    let circle = "circle src/cci/a.rs:1: src/cci/a.rs → src/cci/b/mod.rs → src/cci/c.rs → src/cci/a.rs";
    let lib = ("cci/lib.rs", "mod a; mod b; mod c;");
    is_found(
        &[
            lib,
            ("cci/a.rs", "use crate::b::B;"),
            ("cci/b/mod.rs", "use super::c;"),
            ("cci/c.rs", "fn f() { crate::a::g() }"),
        ],
        circle,
    );
    is_well(&[lib, ("cci/a.rs", "use crate::{b::B, c};"), ("cci/b/mod.rs", "use super::c;"), ("cci/c.rs", "")]);
}

#[test]
fn a_circle_leads_through_doors_and_not_by_them() {
    let room = ("cci/room/mod.rs", "mod one; mod two; pub(crate) use one::One; pub use two::{Two as Pair};");
    is_well(&[room, ("cci/room/one.rs", "use super::Pair;"), ("cci/room/two.rs", "")]);
    let circle = "src/cci/room/one.rs → src/cci/room/two.rs → src/cci/room/one.rs";
    is_found(&[room, ("cci/room/one.rs", "use super::Pair;"), ("cci/room/two.rs", "fn f(one: super::One) {}")], circle);
}

#[test]
fn a_circle_is_not_hidden_behind_an_impl_elsewhere() {
    let low = ("cci/low.rs", "pub struct Low; impl Low { fn f(&self) { self.high() } }");
    let circle = "src/cci/high.rs → src/cci/low.rs → src/cci/high.rs";
    is_found(&[low, ("cci/high.rs", "use crate::low::Low; impl Low { fn high(&self) {} }")], circle);
    is_well(&[low, ("cci/high.rs", "use crate::low::Low; impl Low { fn higher(&self) {} }")]);
    is_well(&[low, ("cci/high.rs", "use crate::low::Low; impl High for Low { fn high(&self) {} }")]);
}

#[test]
fn crates_of_one_name_for_a_module_are_apart() {
    is_well(&[
        ("one/src/a.rs", "use crate::b;"),
        ("one/src/b.rs", ""),
        ("two/src/a.rs", ""),
        ("two/src/b.rs", "use crate::a;"),
    ]);
}

#[test]
fn tests_may_do_what_the_program_may_not() {
    let tests = "#[cfg(test)] #[expect(dead_code)] mod tests { use crate::b; static S: Mutex<u8> = Mutex::new(0); const C: &str = \"claude\"; }";
    is_well(&[("cci/a.rs", tests), ("cci/b.rs", "use crate::a;")]);
    is_well(&[("cci/a.rs", "#[cfg(test)]\nmod tests;"), ("cci/a/tests.rs", "static S: Mutex<u8> = claude();")]);
    is_found(
        &[("cci/a.rs", "mod tests;"), ("cci/a/tests.rs", "static S: Mutex<u8> = f();")],
        "static src/cci/a/tests.rs:1",
    );
}

#[test]
fn an_agents_name_is_found_in_code_and_comments() {
    for text in ["fn f() {}\nconst C: &str = \"~/.Claude\";", "\n// as Claude does", "\n/// for claude\nfn f() {}"] {
        is_found(&[("cci/a.rs", text)], "agent-word src/cci/a.rs:2: names claude");
        is_well(&[("cci-agent/src/claude.rs", text)]);
    }
    is_well(&[("cci/a.rs", "//! What Claude Code is given.")]);
    let (key, model) = ("const UID: &str = \"incus.claude_uid\";", "cci-core/src/settings/model.rs");
    is_well(&[(model, key)]);
    is_found(&[("cci/a.rs", key)], "agent-word src/cci/a.rs:1: names claude");
    is_found(&[(model, "// claude_uid is Claude's")], "agent-word src/cci-core/src/settings/model.rs:1: names claude");
}

#[test]
fn a_sentence_of_incus_is_found() {
    let known = "const C: &str = \"Stopping instance\";";
    is_found(&[("cci/a.rs", known)], "sentence src/cci/a.rs:1: knows the sentence");
    for reading in
        ["error.message.contains(BUSY)", "message.as_str().starts_with(\"In\")", "error.to_string().find('x')"]
    {
        is_found(&[("cci/a.rs", &format!("fn f() {{ if ({reading}) {{}} }}"))], "reads a message by");
        is_well(&[("cci-incus/src/a.rs", &format!("fn f() {{ {reading} }}"))]);
    }
    is_well(&[("cci/a.rs", "fn f() { f(message, line.contains(\" ok\")) }")]);
}

#[test]
fn a_static_with_state_is_found() {
    for kind in ["Mutex<u8>", "std::sync::OnceLock<u8>", "[AtomicU8; 2]", "Arc<RwLock<u8>>"] {
        is_found(&[("cci/a.rs", &format!("fn f() {{ static S: {kind} = x(); }}"))], "static src/cci/a.rs:1");
    }
    is_well(&[("cci/a.rs", "static S: [&'static str; 1] = [\"Mutex\"]; fn f(m: &'static Mutex<u8>) {}")]);
}

#[test]
fn a_map_of_maps_is_found_under_any_name() {
    let written = "fn f(d: std::collections::BTreeMap<String, BTreeMap<String, String>>) {}";
    is_found(&[("cci/a.rs", written)], "map-of-maps src/cci/a.rs:1");
    let aliases = (
        "cci-incus/src/a.rs",
        "pub type Device = BTreeMap<String, String>; pub type Devices = BTreeMap<String, Device>;",
    );
    is_found(&[aliases, ("cci/a.rs", "fn f(d: BTreeMap<String, Device>) {}")], "map-of-maps src/cci/a.rs:1");
    is_found(&[aliases, ("cci/a.rs", "use cci_incus::Devices;")], "map-of-maps src/cci/a.rs:1");
    is_well(&[aliases, ("cci/a.rs", "fn f(d: Device, e: BTreeMap<String, Vec<String>>) {}")]);
}

#[test]
fn a_use_case_that_asks_the_machine_past_the_site_is_found() {
    let asking = [
        "use cci_host::network;",
        "use cci_host::{caller::Caller, subids::OfRoot};",
        "use cci_host::limits as bounds;",
        "use cci_host::*;",
        "use cci_host as host;",
        "fn f() { cci_host::btrfs::has_lost_count(\"/\"); }",
    ];
    for text in asking {
        let text = format!("\n{text}");
        is_found(&[("cci-engine/src/a.rs", &text)], "site src/cci-engine/src/a.rs:2: goes past Site: cci_host");
        is_well(&[("cci-engine/src/site/place.rs", &text)]);
        is_well(&[("cci/cli/a.rs", &text)]);
    }
    is_well(&[("cci-engine/src/a.rs", "use cci_host::caller::Caller; use crate::network; fn f() { network::show() }")]);
}

#[test]
fn what_is_asked_through_the_site_is_there() {
    for module in site::ASKED {
        assert!(root().join(format!("src/cci-host/src/{module}.rs")).exists(), "{module} has another name now");
    }
}

#[test]
fn a_second_way_to_an_instance_or_to_its_end_is_found() {
    let create = "fn f() {\n client.create_instance(&new) }";
    let delete = "fn f() {\n client.delete_instance(name) }";
    let stop = "fn f() {\n client.change_state(name, &StateChange::kill()) }";
    let ask = "fn f() {\n change(cci_incus::StateAction::Stop) }";
    let told = [
        "sends create_instance",
        "sends delete_instance",
        "ends by StateChange::kill",
        "ends by cci_incus::StateAction::Stop",
    ];
    for (text, told) in [create, delete, stop, ask].into_iter().zip(told) {
        for path in ["cci-engine/src/a.rs", "cci-engine/src/instance/owned.rs", "cci/cli/a.rs"] {
            is_found(&[(path, text)], &format!("one-way src/{path}:2: {told} itself"));
        }
        is_well(&[("cci-incus/src/a.rs", text)]);
        is_well(&[("cci/bench/a.rs", text)]);
    }
    is_well(&[("cci-engine/src/instance/create.rs", create)]);
    is_found(&[("cci-engine/src/instance/stop.rs", create)], "one-way");
    for text in [delete, stop, ask] {
        is_well(&[("cci-engine/src/instance/stop.rs", text)]);
        is_well(&[("cci-engine/src/instance/remove.rs", text)]);
        is_found(&[("cci-engine/src/instance/create.rs", text)], "one-way");
    }
    is_well(&[("cci-engine/src/a.rs", "fn f() { change(StateChange::start()); child.kill(); Stop::Now }")]);
}

#[test]
fn the_requests_that_have_one_way_are_there() {
    let client = ["create", "change"].map(|file| root().join(format!("src/cci-incus/src/instance/{file}.rs")));
    let client = client.map(|file| fs::read_to_string(file).unwrap()).concat();
    for name in [one_way::CREATES, one_way::DELETES].into_iter().chain(one_way::ENDING.map(|[_, name]| name)) {
        let is_there = client.contains(&format!("fn {name}(")) || client.contains(&format!("    {name},\n"));
        assert!(is_there, "{name} has another name now");
    }
}
