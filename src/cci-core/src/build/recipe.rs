//! The version of the recipe of the standard image: a digest of all that decides what is in it.

use cci_agent::{Agent, agents};
use sha2::{Digest, Sha256};

use super::agents::Agents;
use super::source::Suite;
use super::steps::Step;
use super::{bootstrap, files, steps};
use crate::settings::BuildSettings;

/// The image property with the version that it was built by.
pub const RECIPE: &str = "user.cci.recipe";

/// Of this program, for all agents: what a user chooses is no other version. Eight bytes tell its versions apart.
#[must_use]
pub fn version() -> String {
    let agents: Vec<&dyn Agent> = agents().collect();
    of(&steps::standard(&BuildSettings::default(), &agents, &Agents::default(), 1000, true))
}

fn of(steps: &[Step]) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    };
    for argument in bootstrap::arguments(&Suite::standard()) {
        add(argument.as_bytes());
    }
    for file in files::standard() {
        add(file.path.as_bytes());
        add(&file.content);
    }
    for step in steps {
        for argument in &step.command {
            add(argument.as_bytes());
        }
        for (name, value) in &step.environment {
            add(name.as_bytes());
            add(value.as_bytes());
        }
    }
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    format!("{:016x}", u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_script_or_order_of_steps_is_another_version() {
        let mut steps = steps::standard(&BuildSettings::default(), &[], &Agents::default(), 1000, false);
        let before = of(&steps);
        assert_eq!(of(&steps), before);
        steps.swap(0, 1);
        assert_ne!(of(&steps), before);
        steps.swap(0, 1);
        for argument in &mut steps[2].command {
            argument.push('\n');
        }
        assert_ne!(of(&steps), before);
    }

    #[test]
    fn a_version_is_short_and_hexadecimal() {
        let version = version();
        assert!(version.len() == 16 && version.bytes().all(|byte| byte.is_ascii_hexdigit()), "{version}");
    }
}
