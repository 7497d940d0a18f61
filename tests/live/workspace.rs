//! The workspace as it is on a real host: its git, its other names, who may write in it, what it is mounted from.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::XattrFlags;

use crate::support::host::{Host, Output, ROOT, U1000, U1234, run};
use crate::support::wait;

/// Runs lines of a shell as the user of the host, in its project.
#[track_caller]
fn on_host(host: &Host, lines: &str) -> Output {
    let mut shell = host.command("bash");
    shell.args(["-ec", lines]);
    run(shell, b"")
}

#[test]
fn a_commit_inside_bears_the_callers_name_and_e_mail_and_nothing_else_of_their_git() {
    let host = Host::live(U1234);
    let config = "[user]\n\tname = Ann O'Neil\n\temail = ann@example.org\n\tsigningkey = K\n[credential]\n\thelper = store\n\
                  [includeIf \"gitdir:proj/\"]\n\tpath = ~/at-work\n";
    fs::write(host.home.join(".gitconfig"), config).unwrap();
    fs::write(host.home.join("at-work"), "[user]\n\temail = ann@work.example\n").unwrap();
    let commit = "git init -q && git commit -q --allow-empty -m one && git log --format='%an <%ae> %cn <%ce>' && git config --list";
    let out = host.cci(&["run", commit]).ok();
    assert!(out.stdout.starts_with("Ann O'Neil <ann@work.example> Ann O'Neil <ann@work.example>\n"), "{out}");
    assert!(!out.stdout.contains("signingkey") && !out.stdout.contains("credential"), "{out}");
    // what the repository says itself is the last word, and a session has the same
    on_host(&host, "git config user.email own@example.org").ok();
    host.wait_until_gone();
    host.cci(&["shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let again = "git commit -q --allow-empty -m two && git log --format='%an <%ae>' -1";
    let out = host.cci(&["container", "exec", "--user", "code", &name, "--", "sh", "-c", again]).ok();
    assert_eq!(out.stdout, "Ann O'Neil <own@example.org>\n", "{out}");
}

#[test]
fn one_directory_by_two_names_is_told_by_its_other_name() {
    let host = Host::live(U1000);
    chown(host.proj.parent().unwrap(), Some(1000), None).unwrap();
    let code = host.proj.with_file_name("code");
    symlink("proj", &code).unwrap();
    let (proj, code) = (host.proj.to_str().unwrap(), code.to_str().unwrap());
    host.cci(&["-w", code, "shell", "--background", "--debug"]).ok();
    let name = host.only_container();
    let said = format!("warning: this directory has containers under another name, {code}: {name}\n");
    let hint = format!("hint: use `--workspace {code}` to work with them");
    for args in [&["list"][..], &["attach", "--slot", "1"], &["run", "--", "true"]] {
        let out = host.cci(args);
        assert!(out.stderr.contains(&said) && out.stderr.contains(&hint), "{args:?}: {out}");
    }
    let out = host.cci(&["-w", code, "attach", "--slot", "2"]);
    assert!(!out.stderr.contains("another name"), "{out}");
    let out = host.cci(&["shell", "--background", "--resume"]);
    assert_eq!(out.code, 1, "{out}");
    let hint = format!("hint: this directory has sessions under another name, {code}: use `--workspace {code}`");
    assert!(out.stderr.contains("error: no previous session") && out.stderr.contains(&hint), "{out}");
    let out = host.cci(&["-w", proj, "info"]);
    assert!(out.code == 1 && out.stderr.contains(&hint), "{out}");
    // of a job that has no PWD the kernel knows the other name than the person's shell
    let mut job = host.command("env");
    job.args(["-u", "PWD", "-C", code, "cci", "list"]);
    let out = run(job, b"").ok();
    assert!(out.stderr.contains(&said), "{out}");
}

/// A directory of the host at a further place.
struct Bound(PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn what_is_mounted_below_the_workspace_is_named_with_the_way_in() {
    let host = Host::live(U1234);
    let (data, below) = (host.dir("data"), Bound(host.dir("proj/below")));
    fs::write(data.join("file"), "").unwrap();
    assert!(Command::new("mount").arg("--bind").args([&data, &below.0]).status().unwrap().success());
    let out = host.cci(&["run", "--", "ls", "below"]).ok();
    let shown = below.0.display();
    assert!(
        out.stderr.contains(&format!("warning: the container does not show what is mounted at {shown}\n")),
        "{out}"
    );
    let mount = format!("{shown}:/workspace/below");
    assert!(out.stderr.contains(&format!("hint: mount it too: `--mount {mount}`")), "{out}");
    let out = host.cci(&["run", "--mount", &mount, "--", "ls", "below"]).ok();
    assert_eq!(out.stdout, "file\n", "{out}");
    assert!(!out.stderr.contains("does not show"), "{out}");
}

#[test]
fn two_kept_containers_on_one_directory_are_told_also_behind_a_bind_mount() {
    let host = Host::live(U1234);
    let bound = Bound(host.dir("bound"));
    assert!(Command::new("mount").arg("--bind").args([&host.proj, &bound.0]).status().unwrap().success());
    host.cci(&["shell", "--background", "--debug", "--persistent"]).ok();
    let (name, proj, bound) = (host.only_container(), host.proj.to_str().unwrap(), bound.0.to_str().unwrap());
    let said = format!("warning: this directory has containers under another name, {proj}: {name}\n");
    for args in [&["shell", "--background", "--debug", "--persistent"][..], &["attach", "--slot", "2"]] {
        let out = host.cci(&[&["-w", bound][..], args].concat());
        assert!(out.stderr.contains(&said), "{args:?}: {out}");
    }
    // they hold what is mounted
    host.remove_containers();
}

#[test]
fn the_callers_umask_is_the_agents() {
    let host = Host::live(U1234);
    fs::set_permissions(&host.proj, PermissionsExt::from_mode(0o2775)).unwrap();
    let out =
        on_host(&host, "umask 0002; cci run -- sh -c 'umask; echo x >shared; mkdir dir'; stat -c %a shared dir").ok();
    assert_eq!(out.stdout, "0002\n664\n2775\n", "{out}");
    host.wait_until_gone();
    let lines = "umask 0007; cci shell --background --debug >/dev/null; umask 0022
        name=$(cci list --format json | jq -r '.active_containers[0].name'); cci tmux send $name 'echo x >by-agent; touch done' >/dev/null
        until [ -e done ]; do sleep 0.1; done; stat -c %a by-agent
        cci container exec --user code $name -- sh -c umask";
    assert_eq!(on_host(&host, lines).ok().stdout, "660\n0022\n");
}

/// The access control list `u::rwx,u:UID:rwx,g::r-x,m::rwx,o::r-x` as the kernel takes it.
fn list_with_user(uid: u32) -> Vec<u8> {
    let nobody = u32::MAX;
    let entries = [(1_u16, 7_u16, nobody), (2, 7, uid), (4, 5, nobody), (16, 7, nobody), (32, 5, nobody)];
    let entry =
        |(tag, may, id): (u16, u16, u32)| [&tag.to_le_bytes()[..], &may.to_le_bytes(), &id.to_le_bytes()].concat();
    2_u32.to_le_bytes().into_iter().chain(entries.into_iter().flat_map(entry)).collect()
}

#[test]
fn access_by_a_further_group_is_told_apart_and_an_acl_of_ones_own_works() {
    let host = Host::live(U1234);
    // of the groups of the tests' users the only further one
    let group =
        String::from_utf8(Command::new("getent").args(["group", "incus-admin"]).output().unwrap().stdout).unwrap();
    let group: u32 = group.trim_end().split(':').nth(2).unwrap().parse().unwrap();
    chown(&host.proj, Some(0), Some(group)).unwrap();
    fs::set_permissions(&host.proj, PermissionsExt::from_mode(0o2775)).unwrap();
    let out = host.cci(&["run", "--", "true"]);
    assert_eq!(out.code, 125, "{out}");
    assert!(
        out.stderr
            .contains("you can write there only as a member of `incus-admin`, and supplementary groups have no effect"),
        "{out}"
    );
    fs::set_permissions(&host.proj, PermissionsExt::from_mode(0o755)).unwrap();
    let out = host.cci(&["run", "--", "true"]);
    assert!(out.stderr.contains("hint: you cannot write there yourself"), "{out}");
    rustix::fs::setxattr(&host.proj, "system.posix_acl_access", &list_with_user(1234), XattrFlags::empty()).unwrap();
    host.cci(&["run", "--", "touch", "made"]).ok();
}

#[test]
fn a_mount_that_only_a_further_group_may_use_is_told() {
    let host = Host::live(U1234);
    let group = String::from_utf8(Command::new("getent").args(["group", "incus-admin"]).output().unwrap().stdout);
    let group: u32 = group.unwrap().trim_end().split(':').nth(2).unwrap().parse().unwrap();
    let data = host.dir("data");
    chown(&data, Some(0), Some(group)).unwrap();
    let shown = data.to_str().unwrap();
    let run = |mode: u32, mount: &str| {
        fs::set_permissions(&data, PermissionsExt::from_mode(mode)).unwrap();
        host.cci(&["run", "--mount", mount, "--", "true"]).ok()
    };
    let out = run(0o2775, &format!("{shown}:/data"));
    assert!(out.stderr.contains(&format!("warning: the agent cannot write in mount {shown}\n")), "{out}");
    assert!(out.stderr.contains("hint: you can write there only as a member of `incus-admin`"), "{out}");
    let out = run(0o2750, &format!("{shown}:/data:ro"));
    assert!(out.stderr.contains(&format!("warning: the agent cannot read in mount {shown}\n")), "{out}");
    for (mode, mount) in [(0o2755, format!("{shown}:/data:ro")), (0o2777, format!("{shown}:/data"))] {
        let out = run(mode, &mount);
        assert!(!out.stderr.contains("in mount"), "{out}");
    }
}

#[test]
fn a_virtual_environment_of_the_host_says_what_it_lacks_and_works_at_its_host_path() {
    let host = Host::live(U1234);
    let make = r#"python3 -m venv --without-pip .venv; printf '#!%s\nimport sys; print(sys.prefix)\n' "$PWD/.venv/bin/python3" >.venv/bin/pip
        chmod +x .venv/bin/pip; test "$(.venv/bin/pip)" = "$PWD/.venv""#;
    on_host(&host, make).ok();
    let proj = host.proj.display();
    let out = host.cci(&["run", "--", ".venv/bin/pip"]);
    assert_eq!(out.code, 127, "{out}");
    let said =
        format!("cci: .venv/bin/pip exists, but its interpreter {proj}/.venv/bin/python3 is not in the container\n");
    assert!(out.stderr.contains(&said), "{out}");
    let out = on_host(&host, r#"cci run --mount "$PWD:$PWD" -- .venv/bin/pip"#).ok();
    assert_eq!(out.stdout, format!("{proj}/.venv\n"), "{out}");
}

#[test]
fn an_argument_that_is_not_utf8_reaches_the_command_byte_for_byte() {
    let host = Host::live(U1000);
    let out = on_host(&host, r"touch $'caf\xe9'; cci run -- ls $'caf\xe9'").ok();
    assert_eq!(out.raw, b"caf\xe9\n", "{out}");
}

/// A directory of the host seen through FUSE, as the user mounts it.
struct Fuse(Host, Child);

impl Fuse {
    fn mounted(host: Host, options: &[&str]) -> Self {
        let (real, seen) = (host.dir("real"), host.dir("seen"));
        let mut bindfs = host.command("bindfs");
        bindfs.arg("-f").args(options).args([&real, &seen]).stdin(Stdio::null());
        let child = bindfs.spawn().expect("the tests need bindfs");
        let table = || fs::read_to_string("/proc/self/mountinfo").unwrap();
        wait::until("it is mounted", Duration::from_secs(10), || {
            table().contains(seen.to_str().unwrap()).then_some(()).ok_or_else(|| "not yet".to_owned())
        });
        Self(host, child)
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.0.remove_containers();
        let _ = Command::new("umount").arg(self.0.proj.with_file_name("seen")).status();
        let _ = self.1.wait();
    }
}

#[test]
fn a_workspace_on_fuse_names_the_option_that_it_needs() {
    let fuse = Fuse::mounted(Host::live(U1000), &["--no-allow-other"]);
    let seen = fuse.0.proj.with_file_name("seen");
    let seen = seen.to_str().unwrap();
    for args in [&["run", "--", "true"][..], &["shell", "--background", "--debug"]] {
        let out = fuse.0.cci(&[&["-w", seen][..], args].concat());
        assert!(
            out.stderr.contains(&format!("{seen} is on FUSE at {seen}, which only the user who mounted it may enter")),
            "{out}"
        );
        assert!(out.stderr.contains("hint: mount it with `-o allow_other`"), "{out}");
    }
    let fuse = Fuse::mounted(Host::live(ROOT), &["--force-user=0", "-o", "allow_other"]);
    let seen = fuse.0.proj.with_file_name("seen");
    fuse.0.cci(&["-w", seen.to_str().unwrap(), "run", "--", "touch", "made"]).ok();
    assert!(fuse.0.dir("real").join("made").exists());
}

#[test]
fn another_uid_than_the_images_is_said_with_the_way_out() {
    let host = Host::live(U1234);
    fs::create_dir_all(host.home.join(".config/cci")).unwrap();
    fs::write(host.home.join(".config/cci/config.toml"), "[incus]\nclaude_uid = 1500\n").unwrap();
    for args in [&["run", "--", "true"][..], &["shell", "--background", "--debug"]] {
        let out = host.cci(args);
        assert_eq!(out.code, 2, "{args:?}: {out}");
        assert!(
            out.stderr.contains("error: incus.claude_uid is 1500, and the image's user `code` has another uid"),
            "{out}"
        );
        assert!(
            out.stderr.contains("hint: remove incus.claude_uid, or build the image with it: `cci build --force`"),
            "{out}"
        );
    }
}

#[test]
fn an_image_with_another_uid_than_the_usual_is_said_with_the_way_out() {
    let host = Host::live(U1234);
    // as an image has it that was built with another incus.claude_uid
    host.cci(&["run", "--persistent", "--", "sudo", "sed", "-i", "s/^code:x:1000:/code:x:1500:/", "/etc/passwd"]).ok();
    let name = host.only_container();
    wait::until("the container has stopped", Duration::from_secs(60), || {
        if host.cci(&["container", "running", &name]).code == 0 { Err("it runs".to_owned()) } else { Ok(()) }
    });
    let out = host.cci(&["run", "--persistent", "--", "true"]);
    assert_eq!(out.code, 2, "{out}");
    assert!(
        out.stderr.contains("error: incus.claude_uid is 1000, and the image's user `code` has another uid"),
        "{out}"
    );
    assert!(out.stderr.contains("hint: set incus.claude_uid to that uid, or build the image anew"), "{out}");
}
