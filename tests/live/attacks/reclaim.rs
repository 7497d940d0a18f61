//! `reclaim` has the rights of containers' roots: it uses them on one workspace, and on the caller's containers' files.

use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use super::flipping;
use crate::support::host::{Host, U1000, U1234, incus};

/// A directory of the neighbour's with files of a container's root in it, and what owns them.
fn neighbours(host: &Host) -> (Host, u32) {
    let mut neighbour = host.with_user(U1000);
    neighbour.proj = host.dir("srv-x");
    lchown(&neighbour.proj, Some(1000), Some(1000)).unwrap();
    // it stays there: Incus gives the range of a container that is gone to another, of any user
    neighbour.cci(&["shell", "--background", "--debug", "-w", neighbour.proj.to_str().unwrap()]).ok();
    let name = neighbour.only_container();
    neighbour.cci(&["container", "exec", &name, "--", "touch", "/workspace/one", "/workspace/two"]).ok();
    let owner = fs::metadata(neighbour.proj.join("one")).unwrap().uid();
    assert!(owner >= 65_536, "container root is user {owner} on the host");
    (neighbour, owner)
}

fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().uid()
}

#[test]
fn a_link_in_the_workspaces_place_changes_no_owner_outside_at_any_moment() {
    let host = Host::live(U1234);
    let name = host.made_by_root("touch mine");
    let mine = owner(&host.proj.join("mine"));
    let outside = host.dir("outside");
    fs::write(outside.join("file"), "").unwrap();
    let mut handed_over = 0;
    flipping(&host.proj, &outside, || {
        for _ in 0..12 {
            // both hold something that the attack could hand over
            lchown(outside.join("file"), Some(mine), Some(mine)).unwrap();
            let mut command = host.cci_command(&["reclaim", "-w", host.proj.to_str().unwrap()]);
            command.current_dir("/");
            let out = crate::support::host::run(command, b"");
            handed_over += u32::from(out.code == 0 && out.stdout.contains("Reclaimed 1 file"));
            assert_eq!(owner(&outside.join("file")), mine, "{out}");
        }
    });
    // with the link away it does what it is for
    lchown(host.proj.join("mine"), Some(mine), Some(mine)).unwrap();
    let out = host.cci(&["reclaim"]).ok();
    assert_eq!(out.stdout, "Reclaimed 1 file(s)\n", "{out} ({handed_over} before)");
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
}

#[test]
fn a_workspace_that_was_taken_away_comes_back() {
    let host = Host::live(U1234);
    host.cci(&["run", "--", "sudo", "sh", "-c", "touch deep; chown -R 0:0 /workspace; chmod 700 /workspace"]).ok();
    assert!(owner(&host.proj) >= 65_536);
    let out =
        host.cci_command(&["run", "-w", host.proj.to_str().unwrap(), "--", "true"]).current_dir("/").output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("cci reclaim"), "{out:?}");
    let mut command = host.cci_command(&["reclaim", "-w", host.proj.to_str().unwrap()]);
    command.current_dir("/");
    let out = crate::support::host::run(command, b"").ok();
    assert_eq!(out.stdout, "Reclaimed 2 file(s)\n", "{out}");
    assert_eq!((owner(&host.proj), owner(&host.proj.join("deep"))), (1234, 1234));
    host.cci(&["run", "--", "touch", "again"]).ok();
}

#[test]
fn files_of_a_neighbours_container_stay_the_neighbours() {
    let host = Host::live(U1234);
    let (neighbour, owner_there) = neighbours(&host);
    // in a workspace of the caller's lies what the neighbour's container left
    let theirs = host.proj.join("theirs");
    fs::write(&theirs, "").unwrap();
    lchown(&theirs, Some(owner_there), Some(owner_there)).unwrap();
    let out = host.cci(&["reclaim"]).ok();
    assert_eq!(out.stdout, "Reclaimed 0 file(s)\n", "{out}");
    assert!(out.stderr.contains(&format!("still belong to host id {owner_there}")), "{out}");
    assert_eq!(owner(&theirs), owner_there);
    // and in the neighbour's own directory nothing is the caller's to take
    let out = host.cci(&["reclaim", "-w", neighbour.proj.to_str().unwrap()]);
    assert!(out.code == 1 && out.stderr.contains("it belongs to user 1000"), "{out}");
    assert_eq!(owner(&neighbour.proj.join("one")), owner_there);
}

#[test]
fn of_a_range_that_a_neighbours_container_has_now_only_what_is_older_is_the_callers() {
    let host = Host::live(U1234);
    host.cci(&["run", "--", "sudo", "touch", "older"]).ok();
    host.wait_until_gone();
    let range = owner(&host.proj.join("older"));
    let name = format!("{}neighbours", host.prefix);
    let image = crate::support::host::image();
    let mut launch = vec!["launch", "--project", &host.project, &image, &name];
    let base = format!("security.idmap.base={range}");
    for key in ["security.idmap.isolated=true", &base, "user.cci.managed=true", "user.cci.owner-uid=1000"] {
        launch.extend(["-c", key]);
    }
    incus(&launch);
    fs::write(host.proj.join("newer"), "").unwrap();
    lchown(host.proj.join("newer"), Some(range), Some(range)).unwrap();
    let out = host.cci(&["reclaim"]).ok();
    assert_eq!(out.stdout, "Reclaimed 1 file(s)\n", "{out}");
    assert!(out.stderr.contains(&format!("still belong to host id {range}")), "{out}");
    assert_eq!((owner(&host.proj.join("older")), owner(&host.proj.join("newer"))), (1234, range));
}

#[test]
fn the_container_of_a_reclaim_has_the_ids_of_one_container_and_no_project_chooses_its_image() {
    let host = Host::live(U1234);
    host.cci(&["run", "--", "sudo", "touch", "mine"]).ok();
    let mine = owner(&host.proj.join("mine"));
    let user = host.home.join(".config/cci");
    fs::create_dir_all(&user).unwrap();
    fs::write(user.join("config.toml"), format!("defaults.image = \"{}\"\n", crate::support::host::image())).unwrap();
    fs::write(host.proj.join(".cci.toml"), "defaults.image = \"chosen-by-the-project\"\n").unwrap();
    host.trust();
    let seen = crate::support::watch::configs(&host.project, &format!("{}reclaim-", host.prefix), || {
        let mut command = host.cci_command(&["reclaim"]);
        command.env_remove("CCI_IMAGE");
        let out = crate::support::host::run(command, b"").ok();
        assert_eq!(out.stdout, "Reclaimed 1 file(s)\n", "{out}");
    });
    let config = seen.first().expect("the container was seen");
    assert_eq!(config["security.idmap.base"], mine.to_string());
    assert_eq!(config["security.idmap.size"], "65536");
    assert_eq!(config["security.idmap.isolated"], "true");
    assert!(config["raw.lxc"].as_str().unwrap().contains("'/workspace'"), "{config}");
    let alias = incus(&["query", &format!("/1.0/images/aliases/{}", crate::support::host::image())]);
    let alias: serde_json::Value = serde_json::from_str(&alias).unwrap();
    assert_eq!(config["volatile.base_image"], alias["target"]);
}
