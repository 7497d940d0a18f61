//! The caller's SSH agent, as far as a session may use it.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use cci_host::store::run_dir::SshNote;

use crate::blocking::blocking;
use crate::context::Context;

/// The variable that says where the agent is.
pub(super) const AGENT: &str = "SSH_AUTH_SOCK";

/// What a session gets of the agent: nothing unless the settings say so; where there is no agent, the reason.
pub(super) async fn agent(cx: &Context) -> Result<Option<SshNote>, String> {
    if !cx.settings.ssh.agent {
        return Ok(None);
    }
    let Some(place) = cx.caller.var(AGENT).filter(|place| !place.is_empty()) else {
        return Err(format!("{AGENT} is not set"));
    };
    let agent = cx.caller.current_dir.join(place);
    let shown = agent.to_string_lossy().into_owned();
    let looked_at = agent.clone();
    match blocking(move || Ok(fs::metadata(looked_at))).await {
        Ok(Ok(meta)) if meta.file_type().is_socket() => Ok(Some(SshNote { agent })),
        Ok(Ok(_)) => Err(format!("{shown} is no socket")),
        Ok(Err(error)) => Err(format!("{shown}: {error}")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn an_agent_that_is_there_is_used_where_the_settings_say_so() {
        let (with, without) = (World::configured("ssh.agent = true\n"), World::new());
        let place = with.proj().join("agent");
        let at = async |world: &World, place: &str| {
            let mut cx = world.cx();
            cx.caller.environment.insert(AGENT.into(), place.into());
            agent(&cx).await
        };
        let there = place.to_str().unwrap();
        assert!(at(&with, there).await.unwrap_err().contains("No such file"));
        assert_eq!(at(&with, "").await.unwrap_err(), "SSH_AUTH_SOCK is not set");
        let listener = UnixListener::bind(&place).unwrap();
        assert_eq!(at(&with, there).await, Ok(Some(SshNote { agent: place.clone() })));
        assert_eq!(at(&without, there).await, Ok(None));
        drop(listener);
        fs::remove_file(&place).unwrap();
        fs::write(&place, "").unwrap();
        assert!(at(&with, there).await.unwrap_err().ends_with("is no socket"));
    }
}
