//! The agents cci can start, and the command line of each.

use crate::session::SessionId;

/// How the agent is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A new conversation of this id.
    New(SessionId),
    /// An old one: the id of its newest transcript.
    Resume(String),
}

/// An agent: what it is called, which program it is, and what it is always told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name, which also names the session store (`sessions-<name>`).
    pub name: String,
    /// The program in the image.
    pub binary: String,
    /// Arguments of the person's own, before the session's.
    pub args: Vec<String>,
    /// The model asked for, if any.
    pub model: Option<String>,
}

impl Tool {
    /// The agent's argv.
    #[must_use]
    pub fn command(&self, start: &Start) -> Vec<String> {
        let mut argv = vec![self.binary.clone(), "--permission-mode".into(), "bypassPermissions".into()];
        if let Some(model) = &self.model {
            argv.extend(["--model".into(), model.clone()]);
        }
        argv.extend(self.args.iter().cloned());
        argv.extend(match start {
            Start::New(id) => ["--session-id".into(), id.to_string()],
            Start::Resume(id) => ["--resume".into(), id.clone()],
        });
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_started_as_the_contract_says() {
        let tool = Tool { name: "claude".into(), binary: "claude".into(), args: vec![], model: None };
        let id = SessionId::from_random([1; 16]);
        assert_eq!(
            tool.command(&Start::New(id)).join(" "),
            format!("claude --permission-mode bypassPermissions --session-id {id}")
        );
        let tool = Tool { model: Some("opus".into()), args: vec!["--verbose".into()], ..tool };
        assert_eq!(
            tool.command(&Start::Resume("x".into())).join(" "),
            "claude --permission-mode bypassPermissions --model opus --verbose --resume x"
        );
    }
}
