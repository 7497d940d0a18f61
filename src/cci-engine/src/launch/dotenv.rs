//! What the workspace's `.env` sets, for the agent and commands: less than the settings and the command line set.

use std::collections::BTreeMap;

use cci_core::Result;
use cci_host::dotenv;

use crate::blocking::blocking;
use crate::context::Context;
use crate::event::LaunchEvent;

/// Its variables, where the settings want them; what is left out is reported.
pub(super) async fn variables(cx: &Context) -> Result<BTreeMap<String, String>> {
    if !cx.settings.workspace.dotenv {
        return Ok(BTreeMap::new());
    }
    let workspace = cx.workspace.path().to_owned();
    let found = match cx.scope.until_cancelled(blocking(move || Ok(dotenv::read(&workspace)))).await? {
        Ok(found) => found,
        Err(problem) => {
            cx.emit(LaunchEvent::DotenvUnread { problem });
            return Ok(BTreeMap::new());
        }
    };
    if !found.refused.is_empty() || !found.wrong.is_empty() {
        let names = found.refused.into_iter().collect();
        cx.emit(LaunchEvent::DotenvLeftOut { names, lines: found.wrong });
    }
    let is_set = |name: &String| cx.settings.defaults.environment.contains_key(name);
    Ok(found.variables.into_iter().filter(|(name, _)| !is_set(name)).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::launch::environment::resolved;
    use crate::testing::World;

    #[tokio::test]
    async fn it_sets_less_than_the_settings_and_those_less_than_the_command_line() {
        let settings =
            "workspace.dotenv = true\ndefaults.environment = { B = \"config\", C = { command = \"echo c\" } }\n";
        let world = World::configured(settings);
        fs::write(world.proj().join(".env"), "A=file\nB=file\nC=file\nD=file\nLD_PRELOAD=/x\nnonsense\n").unwrap();
        let cx = world.cx().with_environment([("D".to_owned(), "flag".to_owned())].into());
        let given = resolved(&cx).await.unwrap().environment;
        let expected = [("A", "file"), ("C", "c"), ("D", "flag")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(given, expected.into());
        assert!(world.was_reported("DotenvLeftOut { names: [\"LD_PRELOAD\"], lines: [6] }"));
    }

    #[tokio::test]
    async fn it_sets_nothing_unless_the_settings_say_so() {
        let world = World::new();
        fs::write(world.proj().join(".env"), "A=file\n").unwrap();
        assert!(resolved(&world.cx()).await.unwrap().environment.is_empty());
    }
}
