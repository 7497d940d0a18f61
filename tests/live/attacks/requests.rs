//! What goes over the wire: every disk of every request with a host path for its source has its hook.

use std::fs;

use crate::support::host::{Host, U1234, daemon_socket, run};
use crate::support::proxy::Proxy;

#[test]
fn every_disk_of_every_request_has_its_hook() {
    let host = Host::live(U1234);
    let proxy = Proxy::start(&daemon_socket());
    for dir in ["proj/data", "proj/more", "home/docs", "home/storage"] {
        host.dir(dir);
    }
    let config = host.dir("home/.config/cci").join("config.toml");
    fs::write(config, "mounts.default = [{ host = \"~/docs\", container = \"/docs\", readonly = true }]\n").unwrap();
    let cci = |words: &[&str]| {
        let mut command = host.cci_command(words);
        command.env("INCUS_SOCKET", proxy.socket());
        run(command, b"").ok()
    };
    let storage = host.home.join("storage");
    let storage = storage.to_str().unwrap();
    proxy.behave();
    cci(&["run", "--", "sudo", "touch", "of-root"]);
    cci(&["reclaim"]);
    cci(&["run", "--persistent", "--storage", storage, "--", "true"]);
    cci(&["run", "--persistent", "--mount", "./data:/data", "--", "true"]);
    cci(&["shell", "--background", "--debug"]);
    let name = host.containers().into_iter().last().unwrap();
    cci(&["container", "mount", &name, "more", "./more", "/more"]);
    cci(&["container", "launch", &crate::support::host::image(), &format!("{}plain", host.prefix)]);
    let mut disks = 0;
    for (line, body) in proxy.bodies() {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let hook = body["config"]["raw.lxc"].as_str().unwrap_or_default();
        for (device, disk) in body["devices"].as_object().into_iter().flatten() {
            let source = disk["source"].as_str().unwrap_or_default();
            if disk["type"] == "disk" && source.starts_with('/') {
                disks += 1;
                let held = format!("\"$LXC_ROOTFS_MOUNT\"'{}'", disk["path"].as_str().unwrap());
                assert!(
                    hook.contains("lxc.hook.mount") && hook.contains(&held),
                    "{line}: {device} has no hook: {body}"
                );
            }
        }
    }
    assert!(disks >= 15, "only {disks} disks were seen");
}
