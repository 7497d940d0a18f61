//! `cci agent`: other versions of the agent in an image that is otherwise as it was, pinned or the newest; a failure
//! changes nothing.

use serde_json::Value;

use crate::support::base::Images;
use crate::support::host::{Host, Output, U1000, U1234, image, incus};
use crate::support::schema;

/// What `agent list` says of the only agent, by its schema.
#[track_caller]
fn listed(host: &Host) -> (Value, Value) {
    let found = schema::keeps_to(host, "agent-list", &["agent", "list"]);
    assert_eq!(found["agents"].as_array().unwrap().len(), 1, "{found}");
    (found["agents"][0]["version"].clone(), found["agents"][0]["pinned"].clone())
}

/// The image that has the alias.
fn target(images: &Images) -> String {
    let list = incus(&["image", "alias", "list", "--project", &images.host.project, "-f", "csv"]);
    let line = list.lines().find(|line| line.starts_with("cci,")).unwrap();
    line.split(',').nth(1).unwrap().to_owned()
}

/// What the agent's program says in a container of the image.
#[track_caller]
fn installed(images: &Images) -> String {
    let project = images.host.project.as_str();
    let name = format!("{}look", images.host.prefix);
    incus(&["launch", "--quiet", "cci", &name, "--project", project]);
    let said = incus(&["exec", &name, "--project", project, "--", "claude", "--version"]);
    incus(&["delete", "-f", &name, "--project", project]);
    said.split_whitespace().next().unwrap().to_owned()
}

fn names(out: &Output, text: &str) -> bool {
    out.stdout.contains(text) || out.stderr.contains(text)
}

#[test]
fn an_agent_is_pinned_let_go_and_updated_and_the_rest_of_the_image_stays() {
    let images = Images::of(U1234);
    images.import();
    let host = &images.host;
    host.cci(&["build", "--force", "--from", "cci"]).ok();
    let (first, newest, none) = (target(&images), Value::from("9.9.9"), Value::Null);
    assert_eq!(listed(host), (newest.clone(), none.clone()), "as the build has noted it");
    let out = host.cci(&["agent", "update"]).ok();
    assert_eq!(out.stdout, "claude 9.9.9 is installed\nimage 'cci' stays as it is\n", "{out}");
    assert_eq!(target(&images), first);

    let out = host.cci(&["agent", "pin", "claude", "1.2.3"]).ok();
    assert!(out.stdout.starts_with("Updated claude from 9.9.9 to 1.2.3, pinned\nimage 'cci' is now "), "{out}");
    let pinned = target(&images);
    assert_ne!(pinned, first);
    assert_eq!((listed(host), installed(&images)), ((Value::from("1.2.3"), Value::from("1.2.3")), "1.2.3".to_owned()));
    assert!(images.dump().contains(&first[..12]), "the image of before is there for its containers");
    let named = host.cci(&["build"]).ok();
    assert!(!named.stderr.contains("not what this version"), "it is of the same recipe: {named}");

    let out = host.cci(&["agent", "update", "claude"]).ok();
    assert_eq!(out.stdout, "claude 1.2.3 is installed, pinned\nimage 'cci' stays as it is\n", "{out}");
    host.cci(&["build", "--force", "--from", "cci"]).ok();
    assert_eq!(listed(host), (Value::from("1.2.3"), Value::from("1.2.3")), "a build keeps to it");

    let before = images.dump();
    host.cci(&["agent", "pin", "claude", "latest"]).ok();
    assert_eq!((images.dump(), listed(host)), (before, (Value::from("1.2.3"), none.clone())), "nothing is installed");
    let out = schema::keeps_to(host, "agent-update", &["agent", "update"]);
    assert_eq!((&out["new"], &out["agents"][0]["version"]), (&Value::from(true), &newest), "{out}");
    assert_eq!((listed(host), installed(&images)), ((newest, none), "9.9.9".to_owned()));
    assert_eq!(host.containers(), [""; 0]);

    let out = host.cci(&["image", "cleanup", "cci-", "--keep", "1"]).ok();
    assert!(out.stdout.contains("Deleted image") && !images.dump().contains(&first[..12]), "{out}");
}

#[test]
fn an_update_that_fails_changes_nothing() {
    let images = Images::of(U1234);
    images.import();
    let host = &images.host;
    let before = images.dump();
    // an image that notes nothing is looked into
    assert_eq!(listed(host), (Value::from("1.0.0"), Value::Null));
    let out = host.cci(&["agent", "pin", "claude", "0.0.0"]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.contains("No matching version found") && out.stderr.contains("the whole log is in"), "{out}");
    for (version, problem) in
        [("^1.2", "not an exact version"), ("--force", "unexpected argument"), ("x/../y", "exact")]
    {
        let out = host.cci(&["agent", "pin", "claude", version]);
        assert!(out.code == 2 && names(&out, problem), "{version}: {out}");
    }
    let out = host.cci(&["agent", "update", "--image", &before[..12]]);
    assert!(out.code == 2 && out.stderr.contains("is the fingerprint of an image"), "{out}");
    let out = host.cci(&["agent", "update", "nobody"]);
    assert_eq!(out.code, 2, "{out}");
    let out = host.cci(&["agent", "list", "--image", "cci-no-such-image"]);
    assert!(out.code == 1 && out.stderr.contains("cci-no-such-image"), "{out}");
    assert_eq!((images.dump(), host.containers()), (before, Vec::new()));
    assert_eq!(listed(host), (Value::from("1.0.0"), Value::Null));
}

#[test]
fn the_agents_of_the_standard_image_are_listed() {
    let host = Host::live(U1000);
    let (version, _) = listed(&host);
    let out = host.cci(&["agent", "list"]).ok();
    assert!(out.stdout.starts_with("AGENT ") && out.stdout.contains(version.as_str().unwrap()), "{}: {out}", image());
}
