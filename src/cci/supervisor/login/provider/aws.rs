//! The AWS credentials of the host: of the environment, of a profile, or printed by a command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use cci_engine::blocking::blocking;
use cci_proxy::AwsKeys;
use serde_json::Value;

use super::profile::{Profile, profile};
use crate::supervisor::login::command::Run;
use crate::supervisor::login::helper::{Helper, Wanted};

/// No file of AWS's is longer.
const LARGEST: u64 = 1024 * 1024;
/// What a command is to print.
const CREDENTIALS: Wanted = Wanted { what: "AWS credentials", is_it: |text| printed(text).is_some() };
/// What helps where there are none.
const WAY_OUT: &str = "log in with `aws` on the host, or start the session with AWS_PROFILE, AWS_ACCESS_KEY_ID or AWS_BEARER_TOKEN_BEDROCK";

/// Where they are.
pub(super) struct Aws {
    /// The variables of the person.
    pub(super) variables: BTreeMap<String, String>,
    /// The command that the agent's own settings name.
    pub(super) command: Option<String>,
    pub(super) helper: Rc<Helper>,
}

impl Aws {
    /// What requests are signed with now.
    pub(super) async fn keys(&self) -> Result<AwsKeys, String> {
        let said = |name: &str| self.variables.get(name).cloned();
        if let Some(command) = &self.command {
            return self.printed(&Run::of_a_shell(command)).await;
        }
        if let (Some(id), Some(secret)) = (said("AWS_ACCESS_KEY_ID"), said("AWS_SECRET_ACCESS_KEY")) {
            return Ok(AwsKeys { id, secret, token: said("AWS_SESSION_TOKEN") });
        }
        let name = said("AWS_PROFILE").unwrap_or("default".into());
        let home = PathBuf::from(said("HOME").unwrap_or_default()).join(".aws");
        let place = |variable: &str, usual: &str| said(variable).map_or_else(|| home.join(usual), PathBuf::from);
        let files = [place("AWS_SHARED_CREDENTIALS_FILE", "credentials"), place("AWS_CONFIG_FILE", "config")];
        let named = name.clone();
        let found = blocking(move || Ok(profile(&text(&files[0]), &text(&files[1]), &named)));
        match found.await.map_err(|error| error.to_string())? {
            Profile::Keys(keys) => Ok(keys),
            Profile::Process(command) => self.printed(&Run::of_a_shell(&command)).await,
            Profile::Other => {
                let words = ["aws", "configure", "export-credentials", "--format", "process", "--profile", &name];
                let run = Run { words: words.map(str::to_owned).into(), environment: BTreeMap::new() };
                let keys = self.printed(&run).await;
                keys.map_err(|problem| format!("profile {name}: {problem}: {WAY_OUT}"))
            }
            Profile::Absent => Err(format!("there are no AWS credentials on the host (profile {name}): {WAY_OUT}")),
        }
    }

    /// The API has refused them: what a command has printed is asked for again.
    pub(super) fn forget(&self) {
        self.helper.forget();
    }

    async fn printed(&self, run: &Run) -> Result<AwsKeys, String> {
        let run = Run { environment: self.variables.clone(), ..run.clone() };
        let text = self.helper.printed(&run, CREDENTIALS).await?;
        printed(&text).ok_or_else(|| WAY_OUT.to_owned())
    }
}

/// The credentials that a command prints, in the form of profiles or that of AWS's own program.
fn printed(text: &str) -> Option<AwsKeys> {
    let all: Value = serde_json::from_str(text).ok()?;
    let all = all.get("Credentials").unwrap_or(&all);
    let of = |key: &str| all.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Some(AwsKeys { id: of("AccessKeyId")?, secret: of("SecretAccessKey")?, token: of("SessionToken") })
}

fn text(path: &Path) -> String {
    use std::io::Read;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    read.map(|_| text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::task::LocalSet;

    use super::*;

    async fn found(variables: &[(&str, &str)], command: Option<&str>) -> Result<AwsKeys, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let aws = Aws { variables, command: command.map(str::to_owned), helper: Rc::default() };
        LocalSet::new().run_until(aws.keys()).await
    }

    fn keys(id: &str, secret: &str, token: Option<&str>) -> AwsKeys {
        AwsKeys { id: id.into(), secret: secret.into(), token: token.map(str::to_owned) }
    }

    #[tokio::test]
    async fn credentials_are_found_where_the_programs_of_aws_look() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().to_str().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/credentials"), "[default]\naws_access_key_id=F\naws_secret_access_key=G\n")
            .unwrap();
        let printing =
            r#"printf '{"Version":1,"AccessKeyId":"P","SecretAccessKey":"%s","SessionToken":"R"}' $AWS_PROFILE"#;
        let config = format!("[profile work]\ncredential_process = {printing}\n[profile sso]\nsso_session = x\n");
        fs::write(home.path().join(".aws/config"), config).unwrap();
        assert_eq!(found(&[("HOME", at)], None).await, Ok(keys("F", "G", None)));
        assert_eq!(found(&[("HOME", at), ("AWS_PROFILE", "work")], None).await, Ok(keys("P", "work", Some("R"))));
        let own =
            [("HOME", at), ("AWS_ACCESS_KEY_ID", "E"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")];
        assert_eq!(found(&own, None).await, Ok(keys("E", "S", Some("T"))));
        let exported = r#"echo '{"Credentials":{"AccessKeyId":"X","SecretAccessKey":"Y","SessionToken":"Z"}}'"#;
        assert_eq!(found(&own, Some(exported)).await, Ok(keys("X", "Y", Some("Z"))));
    }

    #[tokio::test]
    async fn what_is_missing_is_said_with_the_way_out() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().to_str().unwrap();
        let why = found(&[("HOME", at), ("AWS_PROFILE", "none")], None).await.unwrap_err();
        assert!(why.contains("profile none") && why.contains("AWS_BEARER_TOKEN_BEDROCK"), "{why}");
        let why = found(&[("HOME", at)], Some("echo secret")).await.unwrap_err();
        assert!(why.contains("prints no AWS credentials") && !why.contains("secret"), "{why}");
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/config"), "[default]\nsso_session = x\n").unwrap();
        let why = found(&[("HOME", at), ("PATH", "/nonexistent")], None).await.unwrap_err();
        assert!(why.contains("cannot be run") && why.contains("log in with `aws`"), "{why}");
        let fake = home.path().join("aws");
        fs::write(&fake, "#!/bin/sh\necho '{\"AccessKeyId\":\"O\",\"SecretAccessKey\":\"'$6'\"}'\n").unwrap();
        fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(found(&[("HOME", at), ("PATH", at)], None).await, Ok(keys("O", "default", None)));
    }
}
