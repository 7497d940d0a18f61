//! `cci run`: the command's user, its directory, the owner of its files, its exit status.

use std::os::unix::fs::MetadataExt;

use crate::support::host::{Host, ROOT, U1000, U1234, User, incus, run};

#[track_caller]
fn the_main_job_works(user: User) {
    let host = Host::live(user);
    let out = host.cci(&["run", "--", "sh", "-c", "touch made && id -un && pwd"]).ok();
    assert_eq!(out.stdout, "code\n/workspace\n");
    let made = std::fs::metadata(host.proj.join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (user.uid, user.gid()));
    host.wait_until_gone();
    assert_eq!(std::fs::read_dir(&host.proj).unwrap().count(), 1, "nothing but the file is left in the project");
}

#[test]
fn uid_1000_runs_a_command_on_its_own_files() {
    the_main_job_works(U1000);
}

#[test]
fn uid_1234_with_another_gid_runs_a_command_on_its_own_files() {
    the_main_job_works(U1234);
}

#[test]
fn root_runs_a_command_on_its_own_files_and_is_warned() {
    the_main_job_works(ROOT);
    let host = Host::live(ROOT);
    let out = host.cci(&["run", "--", "true"]).ok();
    assert!(out.stderr.contains("host root"), "{out}");
}

#[test]
fn root_works_as_the_owner_of_the_workspace() {
    let host = Host::live(ROOT);
    std::os::unix::fs::chown(&host.proj, Some(1234), Some(U1234.gid())).unwrap();
    let out = host.cci(&["run", "--", "touch", "made"]).ok();
    assert!(!out.stderr.contains("host root"), "{out}");
    let made = std::fs::metadata(host.proj.join("made")).unwrap();
    assert_eq!((made.uid(), made.gid()), (1234, U1234.gid()));
}

#[track_caller]
fn no_file_of_the_containers_root_belongs_to_anybody(user: User) {
    let host = Host::live(user);
    let attack = "sudo cp /bin/sh root-sh; sudo chmod 4755 root-sh; cp /bin/sh code-sh; chmod 4755 code-sh; \
                  sudo chown 0:0 code-sh; sudo mkdir -p d; sudo touch d/f; sudo chown 1001:1001 d/f";
    host.cci(&["run", "--", "sh", "-c", attack]).ok();
    for name in ["root-sh", "code-sh", "d", "d/f"] {
        let file = std::fs::symlink_metadata(host.proj.join(name)).unwrap();
        assert!(file.uid() >= 1_000_000, "{name} belongs to uid {}", file.uid());
        assert!(file.gid() >= 1_000_000, "{name} belongs to gid {}", file.gid());
    }
}

#[test]
fn a_setuid_file_of_the_containers_root_is_nobodys_for_uid_1000() {
    no_file_of_the_containers_root_belongs_to_anybody(U1000);
}

#[test]
fn a_setuid_file_of_the_containers_root_is_nobodys_for_uid_1234() {
    no_file_of_the_containers_root_belongs_to_anybody(U1234);
}

#[test]
fn a_setuid_file_of_the_containers_root_is_nobodys_for_root() {
    no_file_of_the_containers_root_belongs_to_anybody(ROOT);
}

#[test]
fn the_commands_status_is_passed_on() {
    let host = Host::live(U1000);
    for (command, want) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "exit 97"], 97),
        (&["no-such-command"], 127),
        (&["/etc"], 126),
        (&["sh", "-c", "kill -TERM $$"], 143),
    ] {
        let mut args = vec!["run", "--"];
        args.extend(command);
        let out = host.cci(&args);
        assert_eq!(out.code, want, "{command:?}: {out}");
    }
}

#[test]
fn streams_come_through_byte_for_byte_and_apart() {
    let host = Host::live(U1234);
    let bytes: Vec<u8> =
        (0..1_000_000_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    let out = host.cci_with(&["run", "--", "sh", "-c", "echo errors >&2; cat"], &[], &bytes).ok();
    assert_eq!(out.raw.len(), bytes.len());
    assert!(out.raw == bytes, "the bytes differ");
    assert!(out.stderr.contains("errors\n"), "{}", out.stderr);
}

#[test]
fn one_argument_with_blanks_is_a_line_for_bash() {
    let host = Host::live(U1000);
    let out = host.cci(&["run", "echo one && echo \"two  three\""]).ok();
    assert_eq!(out.stdout, "one\ntwo  three\n");
    let out = host.cci(&["run", "--", "echo", "a  b", "$HOME"]).ok();
    assert_eq!(out.stdout, "a  b $HOME\n");
}

#[test]
fn only_what_is_asked_for_is_in_the_environment() {
    let host = Host::live(U1000);
    let env = [("SECRET_OF_THE_HOST", "x"), ("FORWARDED", "yes")];
    let out = host.cci_with(&["run", "-e", "GIVEN=a b=c", "-e", "FORWARDED", "--", "env"], &env, b"").ok();
    let lines: Vec<&str> = out.stdout.lines().collect();
    for want in ["GIVEN=a b=c", "FORWARDED=yes", "HOME=/home/code", "USER=code", "IS_SANDBOX=1", "TERM=xterm-256color"]
    {
        assert!(lines.contains(&want), "{want} is missing in {out}");
    }
    assert!(!out.stdout.contains("SECRET_OF_THE_HOST"), "{out}");
}

#[test]
fn the_network_is_there_with_the_first_command() {
    let host = Host::live(U1000);
    let out = host.cci(&["run", "--", "sh", "-c", "ip -4 route show default && grep nameserver /etc/resolv.conf"]).ok();
    assert!(out.stdout.starts_with("default via "), "{out}");
}

#[test]
fn a_container_is_unprivileged_marked_and_ready_for_docker() {
    let host = Host::live(U1234);
    host.cci(&["shell", "--debug", "--background"]).ok();
    let config = incus(&["config", "show", "--project", &host.project, &host.only_container()]);
    for want in [
        "security.privileged: \"false\"",
        "security.nesting: \"true\"",
        "security.guestapi: \"false\"",
        "security.idmap.isolated: \"true\"",
        "security.port_isolation: \"true\"",
        "user.cci.managed: \"true\"",
        "user.cci.owner-uid: \"1234\"",
        "user.cci.slot: \"1\"",
        "ephemeral: true",
    ] {
        assert!(config.contains(want), "{want} is missing in\n{config}");
    }
    assert!(!config.contains("shift"), "{config}");
}

#[test]
fn a_zone_that_has_a_name_of_old_is_the_containers_too() {
    let host = Host::live(U1000);
    for zone in ["US/Eastern", "CET", ":right/Europe/Berlin"] {
        let out = host.cci_with(&["run", "--", "date", "+%z"], &[("TZ", zone)], b"").ok();
        let mut date = host.command("date");
        date.arg("+%z").env("TZ", zone.replace("right/", ""));
        assert_eq!(out.stdout, run(date, b"").ok().stdout, "{zone}: {out}");
    }
}
