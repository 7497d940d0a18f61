//! Resolves the environment values that the user's configuration takes from the caller's own environment, and from
//! commands of the host, such as a password store. None of these values is ever in a process list.

use std::process::Stdio;
use std::time::Duration;

use cci_core::settings::Variable;
use cci_core::{Error, Result};

use super::dotenv;
use super::forward::with_forwarded;
use crate::context::Context;
use cci_host::settings::Surroundings;

/// How long a command may take; it may ask the user for a passphrase.
const DEADLINE: Duration = Duration::from_secs(120);

/// The call with what is forwarded, with what the workspace's `.env` sets, and with the output of each command; a command
/// whose variable is given otherwise is not run.
pub async fn resolved(cx: &Context) -> Result<Context> {
    let cx = &with_forwarded(cx).await?;
    let mut printed = dotenv::variables(cx).await?;
    for (name, value) in &cx.settings.defaults.environment {
        if let Variable::Command { command } = value
            && !cx.environment.contains_key(name)
        {
            let of_project = cx.stack.project().and_then(|project| project.surroundings_of(command));
            printed.insert(name.clone(), output(name, command, of_project, DEADLINE).await?);
        }
    }
    Ok(cx.with_environment(printed))
}

/// A command's output, without the final newline. A command of a project runs outside its workspace.
async fn output(name: &str, command: &str, around: Option<&Surroundings>, deadline: Duration) -> Result<String> {
    let step = || format!("the command for environment variable {name}");
    let failed = |problem: String| Error::StepFailed { step: step(), problem, hint: None };
    let mut shell = tokio::process::Command::new("sh");
    if let Some(around) = around {
        shell.current_dir(&around.directory).env("PATH", around.search_path()).env_remove("PWD").env_remove("OLDPWD");
    }
    let child = shell
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let ended = tokio::time::timeout(deadline, child.wait_with_output()).await;
    let ended = ended.map_err(|_| failed(format!("no end within {} s", deadline.as_secs())))?;
    let ended = ended.map_err(|error| failed(error.to_string()))?;
    if !ended.status.success() {
        return Err(failed(ended.status.to_string()));
    }
    // what it printed is a secret: no error shows it
    let text = String::from_utf8(ended.stdout).map_err(|_| failed("its output is not UTF-8".into()))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.contains('\0') {
        return Err(failed("its output has a NUL".into()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str, deadline: Duration) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(output("TOKEN", command, None, deadline))
    }

    #[test]
    fn the_value_is_what_the_command_prints() {
        assert_eq!(of("printf 'a b\\n'", DEADLINE).unwrap(), "a b");
    }

    #[test]
    fn a_projects_command_runs_outside_of_the_workspace() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().canonicalize().unwrap();
        let around = Surroundings { directory: directory.clone(), path: vec!["/usr/bin".into(), "/bin".into()] };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(output("TOKEN", "pwd; echo $PATH", Some(&around), DEADLINE)).unwrap();
        assert_eq!(found, format!("{}\n/usr/bin:/bin", directory.display()));
    }

    #[test]
    fn a_command_that_fails_is_named_without_its_output() {
        let error = of("echo secret; exit 3", DEADLINE).unwrap_err().to_string();
        assert!(error.contains("TOKEN") && error.contains('3') && !error.contains("secret"), "{error}");
        let error = of("exec sleep 60", Duration::from_millis(50)).unwrap_err().to_string();
        assert!(error.contains("no end within"), "{error}");
    }
}
