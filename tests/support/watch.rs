//! Watches for instances that Incus has only briefly.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

/// The configurations of all instances with this prefix that were there at some moment of `work`.
pub fn configs(project: &str, prefix: &str, work: impl FnOnce()) -> Vec<Value> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut seen = BTreeMap::new();
            while !over.load(Ordering::Relaxed) {
                seen.extend(now(project).into_iter().filter(|(name, _)| name.starts_with(prefix)));
                std::thread::park_timeout(Duration::from_millis(5));
            }
            seen
        });
        let end = Over(&over);
        work();
        drop(end);
        watch.join().unwrap().into_values().collect()
    })
}

/// Says at its end that all is over, also where a test fails: nothing goes on beside it then.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn now(project: &str) -> Vec<(String, Value)> {
    let out = Command::new("incus").args(["query", &format!("/1.0/instances?recursion=1&project={project}")]).output();
    let all: Value = serde_json::from_slice(&out.unwrap().stdout).unwrap_or_default();
    let named = |one: &Value| Some((one["name"].as_str()?.to_owned(), one["config"].clone()));
    all.as_array().into_iter().flatten().filter_map(named).collect()
}
