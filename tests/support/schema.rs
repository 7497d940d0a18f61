//! Whether cci's JSON output matches `cci schema`.

use serde_json::Value;

use super::host::Host;

/// What is wrong with a value by the schema of this name.
#[track_caller]
pub fn problem(host: &Host, name: &str, value: &Value) -> Option<String> {
    let schema: Value = serde_json::from_str(&host.cci(&["schema", name]).ok().stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(value).next().map(|error| format!("{} at {}", error, error.instance_path()))
}

/// The value has to be as the schema of this name says.
#[track_caller]
pub fn check(host: &Host, name: &str, value: &Value) {
    if let Some(problem) = problem(host, name, value) {
        panic!("not as `cci schema {name}` says: {problem}\n{value:#}");
    }
}

/// Runs a verb with `--format=json`; the object that it prints.
#[track_caller]
pub fn keeps_to(host: &Host, name: &str, args: &[&str]) -> Value {
    let out = host.cci(&[args, &["--format=json"]].concat()).ok();
    let value = serde_json::from_str(&out.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"));
    check(host, name, &value);
    value
}
