//! A container that comes back has its old root file system, and is otherwise the container of a launch.

use std::time::{Duration, Instant};

use cci_core::checkpoint::Root;
use cci_core::slot::SlotChoice;
use cci_engine::context::Context;
use cci_engine::launch;
use cci_engine::roll_back::on_failure;
use cci_incus::{NewInstance, Source, StateChange};
use serde_json::Value;

use super::world::{block_on, booted, context, host, id, inside, keep, planned, restore, session};
use crate::support::figures;
use crate::support::host::{Host, incus};
use crate::support::wait;

/// No request takes as long.
const LIMIT: Duration = Duration::from_secs(60);

/// An instance as it takes effect, without what is each launch's own and what Incus notes of it and of its image.
fn configured(host: &Host, name: &str) -> Value {
    let shown = incus(&["query", &format!("/1.0/instances/{name}?project={}", host.project)]);
    let whole: Value = serde_json::from_str(&shown).unwrap();
    let launch = whole["config"]["user.cci.launch"].as_str().unwrap();
    let mut shown: Value = serde_json::from_str(&shown.replace(launch, "LAUNCH")).unwrap();
    let config = shown["expanded_config"].as_object_mut().unwrap();
    config.retain(|key, _| !key.starts_with("volatile."));
    serde_json::json!({
        "config": config, "devices": shown["expanded_devices"], "profiles": shown["profiles"], "ephemeral": shown["ephemeral"],
    })
}

#[test]
fn it_is_configured_like_a_fresh_one_and_has_the_files_of_then() {
    let host = host();
    let name = session(&host, &[]);
    inside(
        &host,
        &name,
        "echo then >/etc/marker; chmod 640 /etc/marker; mkdir -p /opt/own; echo x >/usr/local/bin/tool",
    );
    let (cx, id) = (context(&host), id());
    let root = block_on(keep(&cx, &name, &id)).unwrap();
    inside(&host, &name, "echo now >/etc/marker; rm -r /opt/own; touch /etc/later");
    host.cci(&["kill", &name]).ok();
    host.wait_until_gone();
    // a fresh one, under settings that differ from those at the checkpoint
    let dir = host.home.join(".config/cci");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), "[limits]\nmemory = \"1GiB\"\n[defaults]\ndocker = false\n").unwrap();
    let cx = context(&host);
    let fresh = block_on(on_failure(&cx, async {
        let (survey, plan) = planned(&cx).await?;
        launch::claim(&cx, &plan, SlotChoice::Exactly(cci_core::slot::Slot::FIRST), &survey).await
    }));
    assert_eq!(fresh.unwrap().name, name);
    let fresh = configured(&host, &name);
    let launched = block_on(restore(&cx, &id, &root)).unwrap();
    assert_eq!(launched.name, name);
    assert_eq!(configured(&host, &name), fresh);
    let seen = inside(
        &host,
        &name,
        "stat -c %a /etc/marker; cat /etc/marker /usr/local/bin/tool; ls -d /opt/own /etc/later 2>/dev/null; cat /proc/sys/kernel/hostname",
    );
    assert_eq!(seen.lines().collect::<Vec<_>>(), ["640", "then", "x", "/opt/own", &name]);
    booted(&host, &name);
}

#[test]
fn it_comes_back_after_a_poweroff_and_as_often_as_wanted() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    inside(&host, &name, "echo then >/etc/marker");
    let (cx, id) = (context(&host), id());
    let root = block_on(keep(&cx, &name, &id)).unwrap();
    inside(&host, &name, "systemctl poweroff");
    host.wait_until_gone();
    for _ in 0..2 {
        block_on(restore(&context(&host), &id, &root)).unwrap();
        assert_eq!(inside(&host, &name, "cat /etc/marker; echo changed >/etc/marker"), "then\n");
    }
}

#[test]
fn a_persistent_one_is_made_again_as_a_persistent_one() {
    let host = host();
    let name = session(&host, &["--persistent"]);
    inside(&host, &name, "echo then >/etc/marker");
    let (cx, id) = (context(&host), id());
    let root = block_on(keep(&cx, &name, &id)).unwrap();
    inside(&host, &name, "echo now >/etc/marker");
    let dir = host.home.join(".config/cci");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), "[defaults]\npersistent = true\n").unwrap();
    block_on(restore(&context(&host), &id, &root)).unwrap();
    assert_eq!(configured(&host, &name)["ephemeral"], false);
    assert_eq!(inside(&host, &name, "cat /etc/marker"), "then\n");
    // what a launch does with a stopped one, it does with this one too
    host.cci(&["container", "stop", &name, "--force"]);
    wait::until("it is stopped", Duration::from_secs(60), || {
        let list = incus(&["list", "--project", &host.project, "-f", "csv", "-c", "s", &name]);
        if list.trim() == "STOPPED" { Ok(()) } else { Err(list) }
    });
    let out = host.cci(&["run", "--persistent", "--", "cat", "/etc/marker"]).ok();
    assert_eq!(out.stdout, "then\n", "{out}");
}

/// Stops the container, and makes it again from the copy by the requests alone.
async fn floor(cx: &Context, name: &str, root: &Root) -> Duration {
    let (instance, _) = cx.client.instance(name).await.unwrap();
    let kept = |key: &str| key.starts_with("volatile.") || key.starts_with("image.");
    let config = instance.config.into_iter().filter(|(key, _)| !kept(key)).collect();
    let (of, project) = (root.instance.clone(), Some(root.project.clone()));
    let source = Source::Copy { instance: of, project, instance_only: true, allow_inconsistent: false };
    let new = NewInstance {
        config,
        devices: instance.devices,
        profiles: Some(instance.profiles),
        ephemeral: true,
        start: true,
        ..NewInstance::new(name, source)
    };
    let began = Instant::now();
    cx.client.change_state(name, &StateChange::kill()).await.unwrap().wait("the stop", LIMIT).await.unwrap();
    cx.client.create_instance(&new).await.unwrap().wait("the copy", LIMIT).await.unwrap();
    began.elapsed()
}

#[test]
fn it_takes_little_longer_than_a_stop_a_copy_and_a_start() {
    let host = host();
    let name = session(&host, &[]);
    booted(&host, &name);
    let (cx, id) = (context(&host), id());
    let root = block_on(keep(&cx, &name, &id)).unwrap();
    let (mut took, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        block_on(restore(&context(&host), &id, &root)).unwrap();
        took.push(began.elapsed());
        booted(&host, &name);
        floors.push(block_on(floor(&cx, &name, &root)));
        booted(&host, &name);
    }
    took.sort();
    floors.sort();
    figures::note(&format!("restore: {:?}, by its requests alone {:?} (medians)", took[2], floors[2]));
    assert!(took[2] < floors[2] * 2 + Duration::from_millis(300), "{took:?} {floors:?}");
}
