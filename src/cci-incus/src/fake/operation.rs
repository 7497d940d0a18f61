//! Operations: each has ended when its call is answered, and reports its result to whoever waits.

use cci_incus_types::OperationKind;
use serde_json::{Value, json};

use super::{
    call::{Ended, Reply},
    state::State,
};

impl State {
    /// Answers with an operation that has ended like this.
    pub(super) fn operation(&mut self, kind: OperationKind, instance: Option<&str>, ended: Ended) -> Reply {
        let id = self.next_id();
        let resources = instance.map(|name| json!({"instances": [format!("/1.0/instances/{name}")]}));
        let (status, metadata, (_, err)) = match &ended {
            Ok(metadata) => (200, metadata.clone(), (0, String::new())),
            Err(why) => (400, Value::Null, why.clone()),
        };
        let mut info = json!({
            "id": id, "class": "task", "description": kind.description().unwrap_or("Working on it"),
            "status_code": status, "resources": resources, "metadata": metadata, "may_cancel": false, "err": err,
        });
        self.operations.insert(id, (info.clone(), ended));
        // its result is reported to whoever waits for it
        info["status_code"] = json!(103);
        Reply::Async(info)
    }

    /// What the operation that was begun last says of itself besides.
    pub(super) fn describe(&mut self, metadata: Value) {
        if let Some(mut begun) = self.operations.last_entry() {
            begun.get_mut().0["metadata"] = metadata;
        }
    }

    /// Starts an operation that ends when it is waited for.
    pub(super) fn begin(&mut self, kind: OperationKind, instance: &str) {
        self.operation(kind, Some(instance), Ok(Value::Null));
        if let Some(mut begun) = self.operations.last_entry() {
            begun.get_mut().0["status_code"] = json!(103);
        }
    }

    pub(super) fn list_operations(&self) -> Reply {
        let (done, failed): (Vec<_>, Vec<_>) = self.operations.values().partition(|(_, ended)| ended.is_ok());
        let info = |list: Vec<&(Value, Ended)>| list.into_iter().map(|(info, _)| info.clone()).collect::<Vec<_>>();
        Reply::ok(json!({"success": info(done), "failure": info(failed)}))
    }

    pub(super) fn read_operation(&self, id: &str) -> Reply {
        self.operations.get(id).map_or_else(Reply::not_found, |(info, _)| Reply::ok(info.clone()))
    }

    /// A failed operation's wait is an error under HTTP 200.
    pub(super) fn wait(&mut self, id: &str) -> Reply {
        match self.operations.get_mut(id) {
            None => Reply::not_found(),
            Some((info, Ok(_))) => {
                info["status_code"] = json!(200);
                Reply::ok(info.clone())
            }
            Some((_, Err((code, sentence)))) => Reply::Failed(*code, sentence.clone()),
        }
    }
}
