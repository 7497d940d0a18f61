//! Format, lints, unit and CLI tests: all that needs neither root nor Incus.

use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::step::{Result, cargo, metadata, run, succeeds};

pub(crate) fn run_all() -> Result<()> {
    let began = Instant::now();
    timed("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    let lints = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
    timed("lints", &mut cargo(&lints))?;
    timed("unit and CLI tests", &mut tests()?)?;
    println!("fast: all passed in {} s", began.elapsed().as_secs());
    Ok(())
}

fn timed(name: &str, command: &mut Command) -> Result<()> {
    let began = Instant::now();
    run(command)?;
    println!("{name}: passed in {} s", began.elapsed().as_secs());
    Ok(())
}

/// Every test but the live ones, by nextest where it is installed.
fn tests() -> Result<Command> {
    if succeeds(&mut cargo(&["nextest", "--version"])) {
        return Ok(cargo(&["nextest", "run", "--workspace", "--status-level", "fail", "-E", "not binary(live)"]));
    }
    let mut command = cargo(&["test", "--workspace", "--quiet", "--lib", "--bins"]);
    for target in test_targets(&metadata()?).into_iter().filter(|target| target != "live") {
        command.args(["--test", &target]);
    }
    Ok(command)
}

/// The names of the workspace's test binaries.
fn test_targets(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let targets = list(&metadata["packages"]).into_iter().flat_map(|package| list(&package["targets"]));
    let tests = targets.filter(|target| list(&target["kind"]).iter().any(|kind| kind == "test"));
    let mut names: Vec<String> = tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn each_test_binary_is_named_once() {
        let target = |kind: &str, name: &str| json!({ "kind": [kind], "name": name });
        let packages = json!({ "packages": [
            { "targets": [target("lib", "a"), target("test", "live"), target("test", "cli")] },
            { "targets": [target("test", "live"), target("bin", "b")] },
        ]});
        assert_eq!(super::test_targets(&packages), ["cli", "live"]);
    }
}
