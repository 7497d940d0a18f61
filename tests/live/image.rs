//! `cci image`: created from containers, listed, found, and removed, by name and by age.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::host::{Host, U1000, U1234, incus};
use crate::support::{schema, wait};

/// Images belong to every test on this machine: those that begin with this host's prefix are removed with it.
struct Images<'a>(&'a Host);

impl Images<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.0.prefix)
    }

    /// The fingerprints of all images that carry a mark of cci and no name, and those named by this host.
    fn ours(&self) -> Vec<Value> {
        let all: Value = serde_json::from_str(&incus(&["image", "list", "-f", "json"])).unwrap();
        let named = |image: &&Value| image["aliases"].to_string().contains(&self.0.prefix);
        let told = |image: &&Value| image["properties"]["description"].to_string().contains(&self.0.prefix);
        all.as_array().unwrap().iter().filter(|image| named(image) || told(image)).cloned().collect()
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        schema::keeps_to(self.0, "image-list", &[&["image", "list"], args].concat())
    }
}

impl Drop for Images<'_> {
    fn drop(&mut self) {
        for image in self.ours() {
            let _ = Command::new("incus").args(["image", "delete", image["fingerprint"].as_str().unwrap()]).output();
        }
    }
}

/// A stopped container without anything in it, which is packed in no time.
fn empty(host: &Host, name: &str) -> String {
    let name = format!("{}{name}", host.prefix);
    incus(&["init", "--empty", &name, "--project", &host.project]);
    name
}

#[test]
fn an_image_is_published_listed_found_and_deleted() {
    let host = Host::live(U1000);
    let images = Images(&host);
    let (container, alias) = (empty(&host, "c1"), images.name("mine"));

    let out = host.cci(&["image", "exists", &alias]);
    assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (1, "", ""));
    let out = host.cci(&["image", "list", "--prefix", &alias]).ok();
    assert_eq!(out.stdout, "No images found\n");
    assert_eq!(host.cci(&["image", "list", "--prefix", &alias, "--format=json"]).ok().stdout, "[]\n");

    let about = format!("of {}\u{1b}[31mred", host.prefix);
    let out = host.cci(&["image", "publish", &container, &alias, "--description", &about]).ok();
    assert!(out.stdout.starts_with(&format!("Published {container} as image '{alias}' (")), "{out}");
    let out = host.cci(&["image", "exists", &alias]);
    assert_eq!((out.code, out.stdout.as_str(), out.stderr.as_str()), (0, "", ""));

    let out = host.cci(&["image", "list", "--prefix", &alias]).ok();
    let lines: Vec<&str> = out.stdout.lines().collect();
    assert_eq!((lines[0], lines.len()), ("Available Images:", 3), "{out}");
    let headings: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(headings, ["ALIAS", "FINGERPRINT", "SIZE", "CREATED", "DESCRIPTION"]);
    assert!(lines[2].starts_with(&format!("{alias} ")) && !out.stdout.contains('\x1b'), "{out}");
    let listed = &images.json(&["--prefix", &alias])[0];
    assert_eq!((&listed["aliases"][0], &listed["description"]), (&alias.clone().into(), &about.into()));
    let fingerprint = listed["fingerprint"].as_str().unwrap().to_owned();
    assert!(lines[2].contains(&fingerprint[..12]), "{out}");
    // what cci made is cci's, whatever it is called
    assert!(host.cci(&["images"]).ok().stdout.contains(&alias));
    let all = host.cci(&["image", "list", "--all"]).ok().stdout;
    assert!(all.starts_with("All Local Images:\n") && all.contains(&alias), "{all}");

    let out = host.cci(&["image", "publish", &container, &alias]);
    assert_eq!(out.code, 1, "{out}");
    assert_eq!(out.stderr, format!("error: image '{alias}' already exists\nhint: replace it with --force\n"));
    let published = schema::keeps_to(&host, "image-publish", &["image", "publish", &container, &alias, "--force"]);
    assert_ne!(published["fingerprint"], fingerprint);
    assert_eq!(images.ours().len(), 1, "the replaced image is left without a name");

    let deleted = schema::keeps_to(&host, "image-delete", &["image", "delete", &alias]);
    assert_eq!(deleted["fingerprint"], published["fingerprint"]);
    let out = host.cci(&["image", "delete", &alias]);
    assert_eq!(out.code, 1, "{out}");
    assert!(out.stderr.starts_with(&format!("error: image '{alias}' not found\nhint: ")), "{out}");
    assert_eq!(images.ours(), [Value::Null; 0]);
}

#[test]
fn a_container_that_is_not_there_or_not_ones_own_is_not_published() {
    let host = Host::live(U1000);
    let images = Images(&host);
    let foreign = empty(&host, "foreign");
    for mark in ["managed=true", "owner-uid=4242", "launch=x", "kind=plain"] {
        incus(&["config", "set", &foreign, &format!("user.cci.{mark}"), "--project", &host.project]);
    }
    for (name, why) in [(format!("{}none", host.prefix), "not found"), (foreign, "belongs to user 4242")] {
        let out = host.cci(&["image", "publish", &name, &images.name("mine")]);
        assert_eq!(out.code, 1, "{out}");
        assert!(out.stderr.contains(&format!("error: container {name} {why}")), "{out}");
    }
    assert_eq!(images.ours(), [Value::Null; 0]);
}

#[test]
fn a_cleanup_keeps_the_newest_and_what_has_another_name() {
    let host = Host::live(U1234);
    let images = Images(&host);
    let container = empty(&host, "c1");
    let dated: Vec<String> = (1..=4).map(|day| images.name(&format!("line-2026110{day}-120000"))).collect();
    for alias in &dated {
        host.cci(&["image", "publish", &container, alias]).ok();
    }
    let oldest = images.json(&["--prefix", &dated[0]])[0]["fingerprint"].as_str().unwrap().to_owned();
    incus(&["image", "alias", "create", &images.name("line"), &oldest]);

    let line = images.name("line-");
    for none in ["0", "-1", "x"] {
        let out = host.cci(&["image", "cleanup", &line, "--keep", none]);
        assert_eq!((out.code, out.stdout.as_str()), (2, ""), "{out}");
    }
    let out = host.cci(&["image", "cleanup", &line, "--keep", "2"]).ok();
    assert!(out.stdout.ends_with("Cleanup complete\n"), "{out}");
    assert!(out.stdout.contains(&dated[1]) && !out.stdout.contains(&dated[2]), "{out}");
    for (alias, there) in dated.iter().zip([true, false, true, true]) {
        assert_eq!(host.cci(&["image", "exists", alias]).code, i32::from(!there), "{alias}");
    }
    let cleaned = schema::keeps_to(&host, "image-cleanup", &["image", "cleanup", &line, "--keep", "2"]);
    assert_eq!(cleaned["deleted"].as_array().unwrap().len(), 0);
}

#[test]
fn a_running_container_is_published_and_runs_on() {
    let host = Host::live(U1000);
    let images = Images(&host);
    let alias = images.name("running");
    host.cci(&["shell", "--debug", "--background"]).ok();
    let name = host.only_container();
    let inside = |command: &str| incus(&["exec", &name, "--project", &host.project, "--", "sh", "-c", command]);
    inside("echo kept > /opt/mark");
    let boot = inside("cat /proc/sys/kernel/random/boot_id /proc/1/stat");
    let snapshots = || {
        let path = format!("/1.0/instances/{name}/snapshots?project={}", host.project);
        incus(&["query", &path]).trim().to_owned()
    };

    // first an interrupted one, of which nothing may be left
    let mut command = host.cci_command(&["image", "publish", &name, &alias]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait::until("the snapshot is there", Duration::from_secs(60), || {
        if snapshots() == "[]" { Err(String::new()) } else { Ok(()) }
    });
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let ended = || child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned());
    assert_eq!(wait::until("it ends", Duration::from_secs(180), ended).code(), Some(130));
    assert_eq!((snapshots().as_str(), images.ours().len()), ("[]", 0));

    host.cci(&["image", "publish", &name, &alias]).ok();
    assert_eq!(snapshots(), "[]");
    let started = |stat: &str| stat.split_whitespace().nth(22).map(str::to_owned);
    assert_eq!(started(&inside("cat /proc/sys/kernel/random/boot_id /proc/1/stat")), started(&boot));
    let out = host.cci(&["run", "--image", &alias, "--", "cat", "/opt/mark"]).ok();
    assert_eq!(out.stdout, "kept\n");
}

#[test]
fn a_custom_image_whose_script_fails_leaves_nothing() {
    let host = Host::live(U1000);
    let images = Images(&host);
    std::fs::write(host.proj.join("fail.sh"), "echo one; echo the last words >&2; exit 3\n").unwrap();
    let alias = images.name("custom");
    let out = host.cci(&["build", "custom", &alias, "--script", "fail.sh"]);
    assert_eq!((out.code, out.stdout.as_str()), (1, ""), "{out}");
    assert!(out.stderr.contains("the last words") && out.stderr.contains("exit status 3"), "{out}");
    assert_eq!((images.ours().len(), host.containers().len()), (0, 0));
    let out = host.cci(&["build", "custom", &alias, "--script", "missing.sh", "--format=json"]);
    assert_eq!(out.code, 1, "{out}");
    let error: Value = serde_json::from_str(&out.stderr).unwrap();
    assert_eq!(error["error"]["code"], "host-file", "{out}");
    let out = host.cci(&["build", "custom", &alias, "--script", "fail.sh", "--base", "no-such-base"]);
    assert!(out.code == 1 && out.stderr.contains("image 'no-such-base' not found"), "{out}");
}

#[test]
fn an_image_that_is_there_is_not_built_again() {
    let host = Host::live(U1000);
    let alias = crate::support::host::image();
    std::fs::write(host.proj.join("fail.sh"), "exit 3\n").unwrap();
    let args = ["build", "custom", &alias, "--script", "fail.sh"];
    assert_eq!(host.cci(&args).ok().stdout, format!("image '{alias}' already exists\n"));
    let built = schema::keeps_to(&host, "build", &args);
    assert_eq!((&built["skipped"], &built["alias"]), (&true.into(), &alias.into()));
}
