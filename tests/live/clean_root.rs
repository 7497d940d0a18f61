//! `install.sh` and `cci setup` on a machine that has nothing: from Debian's smallest system to a user's first container.

use std::path::Path;
use std::time::Duration;

use crate::support::clean_root::CleanRoot;
use crate::support::figures::is_long;
use crate::support::host::Output;
use crate::support::wait;

/// The checkout under test.
const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
/// The release profile in a fraction of the time: it is the way to the program that is tried here, not its speed.
const QUICK: &str =
    "CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16";

/// What `setup` decides about a machine, as text to compare.
const DUMP: &str = "cat /etc/passwd /etc/group /etc/subuid /etc/subgid; ls /etc/apt/sources.list.d
    incus storage list -f csv; incus network list -f csv -c ntm46s; incus image list -f csv
    incus profile show default | grep -v used_by; dpkg-query --show | sha256sum";
/// Which program is installed since when.
const PROGRAM: &str = "stat --format='%n %i %Y' /usr/local/bin/*; readlink /usr/local/bin/claude-code-isolated";

/// `run` leaves the end to Incus.
#[track_caller]
fn wait_for_the_end_of_containers(machine: &CleanRoot) {
    wait::until("no container is left", Duration::from_secs(60), || {
        let left = machine.root("incus list --all-projects -f csv").ok().stdout;
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}

fn state(machine: &CleanRoot) -> String {
    wait_for_the_end_of_containers(machine);
    machine.root(&format!("{PROGRAM}; {DUMP}")).ok().stdout
}

/// Runs the script in the machine's checkout, with further flags.
fn install(machine: &CleanRoot, environment: &str, flags: &str) -> Output {
    machine.root(&format!("cd /root/cci && {environment} CARGO_BUILD_JOBS=2 nice ./install.sh --yes {flags}"))
}

/// A machine that has neither compiler nor Rust, and this checkout.
fn without_a_compiler(suite: &str) -> CleanRoot {
    let machine = CleanRoot::bare(suite);
    machine.check_out(Path::new(CHECKOUT));
    let out =
        machine.root("command -v cc || command -v rustc || command -v cargo || command -v cci || command -v incus");
    assert_eq!((out.code, out.stdout.as_str()), (127, ""), "{out}");
    machine
}

/// What it installed and why.
#[track_caller]
fn says_what_it_installs(out: &Output) {
    let lines = [
        "[install] missing: rustc-web cargo-web (Rust 1.89 or newer, in which cci is written)\n",
        "[install] missing: gcc libc6-dev (a C compiler, for some libraries and to link the program)\n",
        "[install] missing: ca-certificates (to know that a download is what it claims to be)\n",
        "apt-get install --yes --no-install-recommends rustc-web cargo-web gcc libc6-dev ca-certificates\n",
    ];
    for line in lines {
        assert!(out.stderr.contains(line), "no {line} in {out}");
    }
}

#[track_caller]
fn ends_with_claudes_version(out: &Output) {
    assert!(out.stdout.lines().last().is_some_and(|line| line.ends_with("(Claude Code)")), "{out}");
}

/// All by the script alone, the image and the program as a user gets them.
#[track_caller]
fn is_installed_by_the_script_alone(suite: &str) {
    let machine = without_a_compiler(suite);
    let out = install(&machine, "", "").ok();
    machine.took("install.sh");
    says_what_it_installs(&out);
    ends_with_claudes_version(&out);
    let before = state(&machine);
    ends_with_claudes_version(&install(&machine, "", "").ok());
    machine.took("install.sh again");
    assert_eq!(state(&machine), before);
    machine.root("cci build --force --from bootstrap:bookworm").ok();
    machine.took("an image of Debian 12");
    let out = machine.root("cci run -- sh -c '. /etc/os-release && echo $VERSION_ID && claude --version'").ok();
    assert!(out.stdout.starts_with("12\n"), "{out}");
    ends_with_claudes_version(&out);
}

#[track_caller]
fn leads_to_a_first_container(machine: &CleanRoot, packages: &str) {
    let out = machine.root("cci doctor");
    assert_eq!(out.code, 2, "{out}");
    let planned = machine.root("cci setup --dry-run").ok().stderr;
    let steps = [
        packages,
        "add to /etc/subuid: root:1000000:1000000000",
        "add to /etc/subgid: root:1000000:1000000000",
        "start incusd --group incus-admin",
        "create storage pool 'default' (btrfs on a loop file",
        "create bridge 'incusbr0' (10.",
        "give the default profile a root disk on 'default' and a NIC on 'incusbr0'",
    ];
    for step in steps {
        assert!(planned.contains(step), "no {step} in {planned}");
    }
    let out = machine.root("command -v incusd || command -v incus || grep ^root: /etc/subuid");
    assert_eq!((out.code, out.stdout.as_str()), (1, ""), "the plan alone changed something: {out}");

    let out = machine.root("cci setup --yes").ok();
    machine.took("cci setup");
    assert_eq!(out.stdout, "Incus is ready for cci\n", "{out}");
    for step in steps {
        assert!(out.stderr.contains(&format!("[setup] {step}")) || step == packages, "no {step} in {out}");
    }
    let made = machine.root("cat /etc/subuid /etc/subgid; incus storage list -f csv; incus network list -f csv").ok();
    assert_eq!(made.stdout.matches("root:1000000:1000000000\n").count(), 2, "{made}");
    assert!(made.stdout.contains("default,btrfs,") && made.stdout.contains("incusbr0,bridge,YES,10."), "{made}");
    let profile = machine.root("incus profile show default").ok().stdout;
    assert!(profile.contains("pool: default") && profile.contains("network: incusbr0"), "{profile}");

    machine.root("groupadd --gid 4321 staff4321; useradd --create-home --uid 1234 --gid 4321 ann").ok();
    machine.root("cci setup --yes --user ann").ok();
    let tables = machine.root("cat /etc/subuid; echo; cat /etc/subgid; id ann").ok().stdout;
    for line in ["root:1234:1\n", "root:4321:1\n", "(incus-admin)"] {
        assert!(tables.contains(line), "no {line} in {tables}");
    }
    machine.import_image();
    let first = machine.user("ann", "mkdir proj && cd proj && cci run -- sh -c 'touch made && id -un && pwd'").ok();
    machine.took("the first container");
    assert_eq!(first.stdout, "code\n/workspace\n", "{first}");
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(machine.path("/home/ann/proj/made")).unwrap());
    assert_eq!(owner, 1234);
    wait_for_the_end_of_containers(machine);

    let before = machine.root(DUMP).ok().stdout;
    for again in ["cci setup --yes", "cci setup --yes --user ann"] {
        let out = machine.root(again).ok();
        assert_eq!((out.stdout.as_str(), out.stderr.as_str()), ("Incus is ready for cci\n", ""), "{again}");
    }
    assert_eq!(machine.root(DUMP).ok().stdout, before);
    let out = machine.user("ann", "cci doctor");
    assert_eq!(out.code, 0, "{out}");
}

#[test]
fn debian_12_with_backports_without_compiler_and_rust() {
    if is_long() {
        is_installed_by_the_script_alone("bookworm");
    }
    let machine = without_a_compiler("bookworm");
    machine.optimizes_nothing();
    let out = install(&machine, QUICK, "--no-setup").ok();
    machine.took("install.sh --no-setup");
    says_what_it_installs(&out);
    assert_eq!(out.stdout, "", "it did more than install the program: {out}");
    let packages = "apt-get install -y --no-install-recommends -t bookworm-backports incus-base";
    leads_to_a_first_container(&machine, packages);
    let before = state(&machine);
    let out = install(&machine, QUICK, "").ok();
    machine.took("install.sh again");
    assert!(out.stdout.starts_with("Incus is ready for cci\nimage 'cci' already exists\n"), "{out}");
    ends_with_claudes_version(&out);
    assert_eq!(state(&machine), before);
    let out = install(&machine, QUICK, "--uninstall").ok();
    assert_eq!(machine.root("ls -A /usr/local/bin").ok().stdout, "", "{out}");
}

#[test]
fn debian_13() {
    if is_long() {
        is_installed_by_the_script_alone("trixie");
    }
    leads_to_a_first_container(&CleanRoot::of("trixie"), "apt-get install -y --no-install-recommends incus-base");
}
