//! The steps that build the standard image, each a script that runs as root in the build container.

use std::collections::BTreeMap;
use std::time::Duration;

use cci_agent::{Agent, agents};
use cci_guest::shell;

use super::agents::Agents;
use crate::settings::BuildSettings;

/// A name that is not an agent cci can install.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown tool '{0}': there are {names}", names = cci_agent::names("and"))]
pub struct UnknownTool(pub String);

/// The agent of this name, to be installed.
pub fn tool(name: &str) -> Result<&'static dyn Agent, UnknownTool> {
    cci_agent::known(name).ok_or_else(|| UnknownTool(name.to_owned()))
}

/// One step in the build container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is shown while it runs.
    pub title: String,
    /// The argv.
    pub command: Vec<String>,
    /// The environment of the command.
    pub environment: BTreeMap<String, String>,
    /// How long it may take.
    pub limit: Duration,
    /// The agent that it installs; the last line that it prints has the version.
    pub installs: Option<&'static str>,
}

/// More than our own steps should need; a slow mirror may.
const LONG: Duration = Duration::from_secs(30 * 60);
/// For a step that downloads nothing.
const SHORT: Duration = Duration::from_secs(3 * 60);

/// The steps of the standard image, in order; `noted` has the versions at which agents are pinned.
#[must_use]
pub fn standard(
    settings: &BuildSettings,
    tools: &[&dyn Agent],
    noted: &Agents,
    uid: u32,
    host_certificates: bool,
) -> Vec<Step> {
    let mut steps = vec![
        network(&settings.dns),
        script("packages", include_str!("../../../../build-scripts/packages.sh"), LONG)
            .with("CCI_PACKAGES", settings.packages.join(" ")),
        script("git", include_str!("../../../../build-scripts/git.sh"), LONG),
    ];
    if host_certificates {
        steps.push(script("certificates", include_str!("../../../../build-scripts/certificates.sh"), SHORT));
    }
    steps.push(script("Node", include_str!("../../../../build-scripts/node.sh"), LONG));
    let installed = agents().filter(|agent| tools.iter().any(|tool| tool.name() == agent.name()));
    steps.extend(installed.filter_map(|agent| install(agent, noted)));
    steps.extend([
        script("user", include_str!("../../../../build-scripts/user.sh"), SHORT).with("CCI_UID", uid.to_string()),
        script("services", include_str!("../../../../build-scripts/services.sh"), SHORT),
        script("power", include_str!("../../../../build-scripts/power.sh"), SHORT),
        clean(),
    ]);
    steps
}

/// The steps that install other versions of agents in an image that has everything else.
#[must_use]
pub fn update(settings: &BuildSettings, tools: &[&dyn Agent], noted: &Agents) -> Vec<Step> {
    let installed = tools.iter().filter_map(|agent| install(*agent, noted));
    [network(&settings.dns)].into_iter().chain(installed).chain([clean()]).collect()
}

fn network(dns: &[String]) -> Step {
    script("network", include_str!("../../../../build-scripts/network.sh"), SHORT).with("CCI_DNS", dns.join(" "))
}

fn install(agent: &dyn Agent, noted: &Agents) -> Option<Step> {
    let step = script(agent.title(), agent.install()?, LONG).with("CCI_VERSION", noted.wanted(agent.name()));
    Some(Step { installs: Some(agent.name()), ..step })
}

fn clean() -> Step {
    script("clean", include_str!("../../../../build-scripts/clean.sh"), SHORT)
}

/// The steps of a custom image: the user's own script, already in the container, on a running base.
#[must_use]
pub fn custom(guest_path: &str) -> Vec<Step> {
    let command = shell::program_with_one_output(guest_path);
    let limit = Duration::from_secs(6 * 3600);
    vec![
        network(&[]),
        Step { title: "script".to_owned(), command, environment: environment(), limit, installs: None },
        clean(),
    ]
}

/// What a container of the finished standard image must be able to do.
#[must_use]
pub fn trial() -> Step {
    script("try the image", include_str!("../../../../build-scripts/try.sh"), SHORT)
}

fn script(title: &str, text: &str, limit: Duration) -> Step {
    let command = shell::script_with_one_output(title, text);
    Step { title: title.to_owned(), command, environment: environment(), limit, installs: None }
}

fn environment() -> BTreeMap<String, String> {
    [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
        ("DEBIAN_FRONTEND", "noninteractive"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

impl Step {
    fn with(mut self, name: &str, value: String) -> Self {
        self.environment.insert(name.to_owned(), value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(tools: &[&dyn Agent], host_certificates: bool) -> Vec<String> {
        let steps = standard(&BuildSettings::default(), tools, &Agents::default(), 1000, host_certificates);
        steps.into_iter().map(|step| step.title).collect()
    }

    #[test]
    fn the_order_is_the_images_and_what_is_not_wanted_is_left_out() {
        let agent = cci_agent::default_agent();
        assert_eq!(
            titles(&[agent, agent], true),
            ["network", "packages", "git", "certificates", "Node", agent.title(), "user", "services", "power", "clean"]
        );
        assert_eq!(
            titles(&[tool("dummy").unwrap()], false),
            ["network", "packages", "git", "Node", "user", "services", "power", "clean"]
        );
    }

    #[test]
    fn each_variable_that_a_script_reads_is_given_to_it() {
        for step in standard(&BuildSettings::default(), &agents().collect::<Vec<_>>(), &Agents::default(), 1000, true) {
            let read = step.command.iter().flat_map(|text| text.split("CCI_").skip(1));
            for name in read.map(|rest| rest.split(|c: char| !c.is_ascii_uppercase()).next().unwrap_or_default()) {
                assert!(step.environment.contains_key(&format!("CCI_{name}")), "{} lacks CCI_{name}", step.title);
            }
        }
    }

    #[test]
    fn an_update_installs_the_agent_and_nothing_else_at_the_version_that_it_is_pinned_at() {
        let agent = cci_agent::default_agent();
        let noted = Agents { pins: [(agent.name().to_owned(), "1.2.3".parse().unwrap())].into(), ..Agents::default() };
        for (noted, version) in [(Agents::default(), "latest"), (noted, "1.2.3")] {
            let steps = update(&BuildSettings::default(), &[agent], &noted);
            let titles: Vec<_> = steps.iter().map(|step| step.title.as_str()).collect();
            assert_eq!(titles, ["network", agent.title(), "clean"]);
            assert_eq!(
                (steps[1].installs, steps[1].environment["CCI_VERSION"].as_str()),
                (Some(agent.name()), version)
            );
        }
    }

    #[test]
    fn a_custom_image_takes_its_base_as_it_is() {
        let steps = custom("/root/x");
        assert_eq!(steps.iter().map(|step| step.title.as_str()).collect::<Vec<_>>(), ["network", "script", "clean"]);
        assert_eq!(steps[0].environment["CCI_DNS"], "");
        assert_eq!(steps[1].command.last().unwrap(), "/root/x");
    }

    #[test]
    fn further_packages_and_the_users_id_arrive() {
        let settings = BuildSettings { packages: vec!["cmake".into(), "gdb".into()], ..BuildSettings::default() };
        let steps = standard(&settings, &[], &Agents::default(), 1234, false);
        assert_eq!(steps[1].environment["CCI_PACKAGES"], "cmake gdb");
        assert_eq!(steps.iter().find(|step| step.title == "user").unwrap().environment["CCI_UID"], "1234");
    }
}
