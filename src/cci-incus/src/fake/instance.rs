//! Instances: created in one request, started, stopped, changed if unchanged since, deleted.

use cci_incus_types::{
    Device, Devices, OperationKind,
    device::{Keys, nics},
};
use serde_json::{Value, json};

use super::{
    call::{Call, Ended, Reply},
    state::{State, merge},
};

const RUNNING: u64 = 103;
const STOPPED: u64 = 102;
const FROZEN: u64 = 110;

impl State {
    pub(super) fn create_instance(&mut self, call: &Call) -> Reply {
        let name = call.text("name");
        if let Some(missing) = self.missing_network(&call.body) {
            return self.operation(OperationKind::Creating, Some(&name), Err((404, missing)));
        }
        let path = call.key(&["instances", &name]);
        if self.objects.contains_key(&path) {
            let sentence = "Failed creating instance record: Add instance info to the database: Failed to create \
                            \"instances\" entry: UNIQUE constraint failed: instances.project_id, instances.name";
            return self.operation(OperationKind::Creating, Some(&name), Err((500, sentence.into())));
        }
        let mut instance = json!({
            "type": "container", "config": {}, "devices": {}, "profiles": ["default"], "ephemeral": false,
            "architecture": "x86_64", "created_at": "2026-01-01T00:00:00Z", "last_used_at": "1970-01-01T00:00:00Z",
        });
        merge(&mut instance, &call.body);
        for (key, value) in self.of_image(&call.body["source"]) {
            instance["config"][key] = value;
        }
        if call.body["source"]["type"] == "copy" {
            match self.copied(call) {
                Ok(copy) => merge(&mut instance, &copy),
                Err(missing) => return self.operation(OperationKind::Creating, Some(&name), Err(missing)),
            }
        }
        instance["project"] = json!(call.project);
        set_status(&mut instance, STOPPED);
        self.objects.insert(path.clone(), instance);
        self.tell("instance-created", &path);
        let ended = match (call.failure.clone(), call.body["start"].as_bool()) {
            (Some(failure), _) => Err(failure),
            (None, Some(true)) => self.start(&path),
            (None, _) => Ok(Value::Null),
        };
        self.operation(OperationKind::Creating, Some(&name), ended)
    }

    pub(super) fn change_instance(&mut self, call: &Call, name: &str, path: &str) -> Reply {
        let reply = self.change(call, path);
        match reply {
            Reply::Sync { .. } if call.method == "PUT" => {
                self.operation(OperationKind::Updating, Some(name), Ok(Value::Null))
            }
            other => other,
        }
    }

    pub(super) fn change_state(&mut self, call: &Call, name: &str, path: &str) -> Reply {
        let Some(instance) = self.objects.get(path) else { return Reply::not_found() };
        let stopped = instance["status_code"] == STOPPED;
        let kind = match call.text("action").as_str() {
            "start" => OperationKind::Starting,
            "stop" => OperationKind::Stopping,
            "restart" => OperationKind::Restarting,
            "freeze" => OperationKind::Freezing,
            _ => OperationKind::Unfreezing,
        };
        let ended = match (call.failure.clone(), kind, stopped) {
            (Some(failure), ..) => Err(failure),
            (None, OperationKind::Starting, true) => self.start(path),
            (None, OperationKind::Starting, false) => Err((500, "The instance is already running".into())),
            (None, _, true) => Err((400, "The instance is already stopped".into())),
            (None, OperationKind::Stopping, false) => {
                self.stop(path);
                Ok(Value::Null)
            }
            (None, kind, false) => {
                let status = if kind == OperationKind::Freezing { FROZEN } else { RUNNING };
                self.objects.entry(path.to_owned()).and_modify(|instance| set_status(instance, status));
                Ok(Value::Null)
            }
        };
        self.operation(kind, Some(name), ended)
    }

    pub(super) fn delete_instance(&mut self, call: &Call, name: &str, path: &str) -> Reply {
        match self.objects.get(path) {
            None => Reply::not_found(),
            Some(instance) if instance["status_code"] != STOPPED => Reply::Error(400, "Instance is running".into()),
            Some(_) => {
                let ended = call.failure.clone().map_or(Ok(Value::Null), Err);
                if ended.is_ok() {
                    self.remove_instance(path);
                }
                self.operation(OperationKind::Deleting, Some(name), ended)
            }
        }
    }

    pub(super) fn instance_state(&self, path: &str) -> Reply {
        self.objects.get(path).map_or_else(Reply::not_found, |instance| {
            let usage = instance["config"]["user.disk-usage"].as_str().and_then(|usage| usage.parse::<i64>().ok());
            let disk = usage.map(|usage| json!({"root": {"usage": usage}}));
            Reply::ok(json!({"status_code": instance["status_code"], "pid": 4711, "network": null, "disk": disk}))
        })
    }

    /// Starts a stopped instance, unless another that runs has its address.
    fn start(&mut self, path: &str) -> Ended {
        let own = self.addresses(path);
        let mut others = self.objects.iter().filter(|(other, instance)| *other != path && is_running(instance));
        if let Some(taken) = others.find_map(|(other, _)| own.iter().find(|own| self.addresses(other).contains(own))) {
            let sentence = format!(
                "Failed start validation for device \"eth0\": IP address \"{}\" already defined on another NIC",
                taken.1
            );
            return Err((409, sentence));
        }
        if let Some(instance) = self.objects.get_mut(path) {
            if instance["config"]["raw.lxc"].as_str().is_some_and(|lines| lines.contains("/bin/false")) {
                return Err((500, "Failed to run: incusd forkstart: exit status 1".into()));
            }
            set_status(instance, RUNNING);
            instance["last_used_at"] = json!("2026-01-01T00:00:01Z");
            instance["config"]["volatile.last_state.power"] = json!("RUNNING");
        }
        self.tell("instance-started", path);
        Ok(Value::Null)
    }

    /// Stops a running instance; an ephemeral one is removed then.
    fn stop(&mut self, path: &str) {
        self.tell("instance-stopped", path);
        let Some(instance) = self.objects.get_mut(path) else { return };
        if instance["ephemeral"] == true {
            self.remove_instance(path);
        } else {
            set_status(instance, STOPPED);
            instance["config"]["volatile.last_state.power"] = json!("STOPPED");
        }
    }

    /// Networks and fixed addresses of an instance.
    fn addresses(&self, path: &str) -> Vec<(String, String)> {
        let devices = self.objects.get(path).map(|instance| devices(&self.expanded(instance)["expanded_devices"]));
        let fixed = devices.into_iter().flatten().filter_map(|(_, device)| {
            let nic = device.as_nic()?;
            Some((nic.network_or_parent()?.to_owned(), nic.ipv4_address?.to_string()))
        });
        fixed.collect()
    }

    /// The addresses in use on a network.
    pub(super) fn leases(&self, network: &str) -> Reply {
        let running = self.objects.iter().filter(|(_, object)| is_running(object));
        let held = running.flat_map(|(path, instance)| {
            let own = self.addresses(path).into_iter().filter(|(on, _)| on == network);
            own.map(|(_, address)| json!({"hostname": instance["name"], "address": address, "type": "static"}))
        });
        Reply::ok(held.collect())
    }

    /// Incus's message about a NIC on a missing network.
    fn missing_network(&self, body: &Value) -> Option<String> {
        let devices = devices(&body["devices"]);
        let missing = nics(&devices).find_map(|(device, nic)| {
            let network = nic.network.as_deref()?;
            (!self.objects.contains_key(&format!("/1.0/networks/{network}"))).then_some((device, network))
        });
        missing.map(|(device, network)| {
            format!(
                "Failed creating instance record: Failed initializing instance: Invalid devices: Device validation failed \
                 for \"{device}\": Failed loading device \"{device}\": Failed to load network \"{network}\" for project \
                 \"default\": Network not found"
            )
        })
    }
}

fn is_running(object: &Value) -> bool {
    object["status_code"] == RUNNING
}

fn set_status(instance: &mut Value, code: u64) {
    let word = if code == RUNNING {
        "Running"
    } else if code == FROZEN {
        "Frozen"
    } else {
        "Stopped"
    };
    (instance["status"], instance["status_code"]) = (json!(word), json!(code));
}

fn devices(value: &Value) -> Devices {
    let maps = value.as_object().into_iter().flatten();
    let read = |keys: &Value| serde_json::from_value::<Keys>(keys.clone()).unwrap_or_default();
    maps.map(|(name, keys)| (name.clone(), Device::from(read(keys)))).collect()
}
