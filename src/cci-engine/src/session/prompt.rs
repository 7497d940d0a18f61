//! The prompt that a session begins with: an agent that is started reads it, or it is typed to the one that runs.

use cci_agent::{Agent, FirstPrompt, known};
use cci_core::boundary::Boundary;
use cci_core::plan::LaunchPlan;
use cci_core::prompt::Prompt;
use cci_core::settings::ToolSettings;
use cci_core::{Error, Result};

use crate::context::Context;
use crate::session::tmux::{self, Input};

/// The agent that a program is, or stands in for.
pub(super) fn started(program: &str, name: &str) -> Option<&'static dyn Agent> {
    known(program.rsplit('/').next().unwrap_or_default()).or_else(|| known(name))
}

/// Refuses a prompt for an agent of which nobody knows how it takes one.
pub(super) fn check(tool: &ToolSettings) -> Result<()> {
    let program = tool.binary.as_ref().unwrap_or(&tool.name);
    match started(program, &tool.name).and_then(Agent::first_prompt) {
        Some(_) => Ok(()),
        None => Err(Error::Usage {
            problem: format!("cci does not know how {} takes a prompt", tool.name),
            hint: Some("start it without one, and type it in the session".into()),
        }),
    }
}

/// Whether the agent of a plan reads it when it is started. What is started inside gVisor has a terminal only.
pub(super) fn is_read(plan: &LaunchPlan) -> bool {
    let agent = started(&plan.tool.binary, &plan.tool.name);
    plan.boundary != Boundary::Gvisor && agent.and_then(Agent::first_prompt) == Some(FirstPrompt::Read)
}

/// Types it once the agent is ready, and returns when the agent has it.
pub(super) async fn type_in(cx: &Context, container: &str, prompt: &Prompt) -> Result<()> {
    let text = prompt.typed().as_bytes().to_vec();
    tmux::send(cx, container, &Input::Text { text, enter: true }, false).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_nobody_knows_gets_no_prompt() {
        let tool = |name: &str, binary: Option<&str>| ToolSettings {
            name: name.into(),
            binary: binary.map(str::to_owned),
            ..ToolSettings::default()
        };
        assert!(check(&ToolSettings::default()).is_ok());
        assert!(check(&tool("dummy", None)).is_ok());
        assert!(check(&tool("mine", Some("/usr/local/bin/dummy"))).is_ok());
        assert!(check(&ToolSettings { binary: Some("/opt/mine".into()), ..ToolSettings::default() }).is_ok());
        let error = check(&tool("mine", None)).unwrap_err();
        assert!(error.exit() == 2 && error.to_string().contains("mine"), "{error}");
    }
}
