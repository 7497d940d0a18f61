//! The environment given on the command line: `-e`, and the files of `--env-file`, which `-e` overrides.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cci_core::env_file::{self, Wrong};
use cci_core::environment::is_variable_name;
use cci_core::workspace::Workspace;
use cci_core::{Error, Result};

use super::input::{self, is_stdin};
use cci_host::caller::Caller;

/// More than any process accepts as its environment.
const MAX_BYTES: u64 = 1 << 20;

/// Every variable that the command line gives; `-e` wins over a file, and a later file over an earlier one.
pub(super) fn environment(
    env: &[String],
    env_files: &[PathBuf],
    caller: &Caller,
    workspace: &Workspace,
) -> Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    let mut put = |name: String, value: Option<String>| {
        if value.is_none() && caller.not_text.contains_key(&name) {
            return Err(Error::usage(format!("the value of {name} in the environment is not UTF-8")));
        }
        // a bare name that the host does not have is left out
        if let Some(value) = value.or_else(|| caller.environment.get(&name).cloned()) {
            given.insert(name, value);
        }
        Ok(())
    };
    if env_files.iter().filter(|file| is_stdin(file)).count() > 1 {
        return Err(Error::usage("--env-file - can be given once: the standard input is read to its end"));
    }
    for file in env_files {
        for (name, value) in read(file, caller, workspace)? {
            put(name, value)?;
        }
    }
    for flag in env {
        let (name, value) = flag.split_once('=').map_or((flag.as_str(), None), |(name, value)| (name, Some(value)));
        if !is_variable_name(name) {
            return Err(Error::usage(format!("invalid environment variable name '{name}'")));
        }
        put(name.to_owned(), value.map(str::to_owned))?;
    }
    Ok(given)
}

/// All of the standard input, which is empty from then on: what is left of a terminal's is not for the command.
fn standard_input() -> io::Result<Vec<u8>> {
    let bytes = input::standard_input(MAX_BYTES + 1)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(bytes)
}

fn read(file: &Path, caller: &Caller, workspace: &Workspace) -> Result<Vec<env_file::Variable>> {
    let shown = input::shown(file);
    let wrong = |problem: String| Error::usage(format!("--env-file: {shown}{problem}"));
    let bytes = if is_stdin(file) {
        standard_input()
    } else {
        input::of_file(Workspace::resolve(&caller.current_dir, file).path(), workspace, MAX_BYTES + 1)
    };
    let bytes = bytes.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Error::Usage {
            problem: format!("--env-file: {shown}: {error}"),
            hint: Some(format!("check its owner and mode with `ls -ld {shown}`")),
        },
        _ => wrong(format!(": {error}")),
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!(" is larger than {} KiB", MAX_BYTES >> 10)));
    }
    env_file::parse(&bytes).map_err(|Wrong { line, problem }| wrong(format!(":{line}: {problem}")))
}
