//! `cci setup` and `cci doctor` where Incus already works: nothing changes.

use std::process::Command;

use crate::support::daemon::Daemon;
use crate::support::host::{Host, Output, ROOT, U1234, User, run};
use crate::support::machine;

#[track_caller]
fn setup_changes_nothing(user: User) {
    let host = Host::live(user);
    let before = machine::dump();
    let out = host.cci(&["setup", "--yes"]).ok();
    assert_eq!(out.stdout, "Incus is ready for cci\n", "{out}");
    assert_eq!(machine::dump(), before);
}

#[test]
fn setup_changes_nothing_for_root() {
    setup_changes_nothing(ROOT);
}

#[test]
fn setup_changes_nothing_for_an_ordinary_user() {
    setup_changes_nothing(U1234);
}

#[test]
fn a_login_that_took_the_group_by_newgrp_keeps_the_files_the_users_own() {
    let host = Host::live(U1234);
    let script = "cci run -- touch made && stat -c %u:%g made && cci doctor";
    let mut command = Command::new("setpriv");
    let own_group = format!("--groups={}", U1234.gid());
    command.args(["--reuid=1234", "--regid=incus-admin", &own_group, "sh", "-c", script]);
    command.env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"").ok();
    assert!(out.stdout.starts_with(&format!("1234:{}\n", U1234.gid())), "{out}");
    host.wait_until_gone();
}

#[test]
fn doctor_says_what_is_well_and_measures_a_clone() {
    let host = Host::live(U1234);
    let out = host.cci(&["doctor", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out.stdout).unwrap_or_else(|_| panic!("{out}"));
    let findings = report["findings"].as_array().unwrap();
    let of = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("{id}: {out}"));
    for id in ["packages", "subuid", "subgid", "own-range", "group", "daemon", "bridge", "profile", "clone"] {
        assert_eq!(of(id)["status"], "ok", "{id}: {out}");
    }
    assert!(of("clone")["message"].as_str().unwrap().contains(" ms"), "{out}");
    assert!(findings.iter().all(|finding| finding["status"] == "ok" || finding["fix"].is_string()), "{out}");
    assert_eq!(out.code, i32::from(report["status"] == "warning"), "{out}");
    assert_eq!(host.containers(), [""; 0]);
}

/// Runs a script as root with an `/etc` of its own; the machine's is not touched.
#[track_caller]
fn with_an_etc_of_its_own(host: &Host, script: &str) -> Output {
    let layers = host.dir("layers");
    let script = format!(
        "set -e; mount -t tmpfs tmpfs {layers}; mkdir {layers}/upper {layers}/work
         mount -t overlay overlay -o lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work /etc
         {script}",
        layers = layers.display(),
    );
    let before = machine::dump();
    let mut command = Command::new("unshare");
    command.args(["--mount", "bash", "-c", &script]).env_clear().envs(host.environment()).current_dir(&host.proj);
    let out = run(command, b"");
    assert_eq!(machine::dump(), before, "the machine's own tables changed");
    out
}

#[test]
fn a_table_with_a_name_that_is_no_text_loses_no_line() {
    let host = Host::live(ROOT);
    let name = U1234.name();
    let script = r"printf '# M\374ller\nm\374ller:100000:65536\nroot:1000000:1000000000' > /etc/subuid
        chmod 640 /etc/subuid
        cci setup --yes --user $name
        cat -v /etc/subuid; stat -c %a /etc/subuid; ls -a /etc | grep -e cci- -e subuid.lock || :";
    let out = with_an_etc_of_its_own(&host, &format!("name={name}; {script}")).ok();
    let others = "# MM-|ller\nmM-|ller:100000:65536\nroot:1000000:1000000000\nroot:1234:1\n";
    assert_eq!(out.stdout, format!("Incus is ready for cci\n{others}{name}:231072:65536\n640\n"), "{out}");
}

#[test]
fn a_table_that_cannot_be_read_is_named_and_left_alone() {
    let host = Host::live(ROOT);
    let script = r#"rm /etc/subuid; mkdir /etc/subuid
        for verb in "setup --yes --user $name" doctor 'run -- true' reclaim; do cci $verb && exit 9; done 2>&1
        rmdir /etc/subuid; ls -d /etc/subuid* /etc/.subuid*"#;
    let out = with_an_etc_of_its_own(&host, &format!("name={}; {script}", U1234.name()));
    assert_eq!(out.stdout.matches("cannot read /etc/subuid: ").count(), 4, "{out}");
    assert!(!out.stdout.contains("add to /etc/subuid"), "{out}");
    assert_ne!(out.code, 9, "{out}");
}

#[test]
fn whoever_has_the_uid_of_a_test_user_is_taken() {
    let host = Host::live(ROOT);
    let script = format!(
        r#"sed -i "s/^$name:/somebody:/" /etc/passwd /etc/shadow /etc/group /etc/gshadow
        sed -i -E "/^incus-admin:/s/\b$name\b//" /etc/group /etc/gshadow
        {users}; echo again:; {users}; getent passwd 1234 | cut -d: -f1,3; id -nG somebody"#,
        users = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/test-users.sh"),
    );
    let out = with_an_etc_of_its_own(&host, &format!("name={}; {script}", U1234.name())).ok();
    let said: Vec<&str> = out.stdout.lines().collect();
    assert_eq!(said[..3], ["somebody", "again:", "somebody:1234"], "{out}");
    assert!(said[3].split(' ').any(|group| group == "incus-admin"), "{out}");
}

#[test]
fn setups_and_usermod_at_once_lose_no_line() {
    let host = Host::live(ROOT);
    let script = "for n in 1 2 3 4; do useradd -N -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 race$n; done
        add() { for n in $(seq 10); do usermod --add-subuids $((80000 + n * 10))-$((80000 + n * 10)) race1; done; }
        set_up() { for try in 1 2 3 4 5; do cci setup --yes --user $1 && return; done; return 1; }
        add & all=$!
        for n in 1 2 3 4; do set_up race$n & all=\"$all $!\"; done
        for one in $all; do wait $one; done
        cat /etc/subuid; ls /etc/subuid.lock 2>/dev/null || :";
    let out = with_an_etc_of_its_own(&host, script).ok();
    let has = |line: &str| out.stdout.lines().any(|there| there == line);
    for n in 1..=10 {
        assert!(has(&format!("race1:{}:1", 80_000 + n * 10)), "{n}: {out}");
    }
    let ranges = |out: &Output| -> Vec<(u64, u64)> {
        let wide = out.stdout.lines().filter(|line| line.starts_with("race") && line.ends_with(":65536"));
        wide.map(|line| line.split(':').nth(1).unwrap().parse().unwrap()).map(|start| (start, start + 65_536)).collect()
    };
    let mut given = ranges(&out);
    given.sort_unstable();
    assert_eq!(given.len(), 4, "{out}");
    assert!(given.windows(2).all(|two| two[0].1 <= two[1].0), "two persons share ids: {out}");
    assert!(!out.stdout.contains("subuid.lock"), "{out}");
}

#[test]
fn setup_for_nobody_takes_nobody_else() {
    let out = Host::live(ROOT).cci(&["setup", "--yes", "--user", "nosuchuser"]);
    assert_eq!(out.code, 2, "{out}");
    assert!(out.stderr.contains("there is no user 'nosuchuser'"), "{out}");
}

#[test]
fn doctor_sees_that_the_mounts_of_incus_are_private() {
    let (host, daemon) = (Host::live(ROOT), Daemon::bare());
    let dir = daemon.socket().parent().unwrap().to_owned();
    let found = || {
        let out = host.cci_with(&["doctor", "--format", "json"], &[("INCUS_DIR", dir.to_str().unwrap())], b"");
        let report: serde_json::Value = serde_json::from_str(&out.stdout).unwrap_or_else(|_| panic!("{out}"));
        report["findings"].as_array().unwrap().iter().find(|one| one["id"] == "shared-mounts").unwrap().clone()
    };
    assert_eq!(found()["status"], "ok");
    // what `mount --make-rprivate /` does, to this daemon's alone
    assert!(Command::new("mount").arg("--make-private").arg(dir.join("shmounts")).status().unwrap().success());
    let private = found();
    assert_eq!(private["status"], "warning", "{private}");
    let fix = format!("sudo mount --make-shared {}/shmounts; then", dir.display());
    assert!(private["fix"].as_str().unwrap().starts_with(&fix), "{private}");
    assert!(Command::new("mount").arg("--make-shared").arg(dir.join("shmounts")).status().unwrap().success());
    assert_eq!(found()["status"], "ok");
}
