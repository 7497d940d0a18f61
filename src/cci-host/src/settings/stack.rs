//! The stack of layers, and what they say together.

use std::collections::BTreeMap;
use std::path::Path;

use cci_core::Result;
use cci_core::boundary::Boundary;
use cci_core::network::Mode;
use cci_core::settings::Settings;
use cci_core::workspace::Workspace;

use super::layer::{Layer, Origin, Profile, Source, Values};
use super::merge::{extracted, stacked};
use super::problem;
use super::profile;
use super::project::Project;
use super::reader::Reader;
use super::sources::{self, Overrides, places};
use super::trust::Judge;
use super::trust_mode::Trust;
use crate::caller::Caller;

/// All layers of one run.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Shipped profiles, system, user, project, extra file, environment; low to high.
    lower: Vec<Layer>,
    flags: Layer,
    profile: Option<String>,
    /// The project's files, if there are any.
    project: Option<Project>,
    /// Why the project's files are left out.
    aside: Option<String>,
    /// What a use-case decides itself, above everything.
    overrule: Overrule,
}

/// Settings that a use-case decides itself, such as those of a session that is resumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrule {
    /// The image.
    pub image: Option<String>,
    /// Whether the container outlives its stop.
    pub persistent: Option<bool>,
    /// The network mode.
    pub network: Option<Mode>,
    /// What stands between the agent and the host's kernel.
    pub boundary: Option<Boundary>,
}

impl Stack {
    /// Reads everything; an error names all problems of all files.
    pub fn read(
        caller: &Caller,
        workspace: &Workspace,
        extra: Option<&Path>,
        overrides: &Overrides,
        trust: Trust,
    ) -> Result<Self> {
        let places = places(caller, workspace, extra);
        let mut reader = Reader::new(caller);
        let mut lower = vec![profile::shipped_layer(caller)?];
        lower.extend(reader.own(&places.system));
        lower.extend(reader.own(&places.user));
        if overrides.passes_over_closed {
            reader.problems.retain(|problem| !problem.is_closed);
        }
        let mut aside = None;
        let project = if trust == Trust::LeftOut {
            let mut apart = Reader::new(caller);
            let found = apart.project(&places.project);
            aside = (!apart.problems.is_empty()).then(|| problem::as_error(&apart.problems).to_string());
            found.filter(|_| aside.is_none())
        } else {
            reader.project(&places.project)
        };
        let above = places.extra.as_deref().and_then(|extra| reader.extra(extra));
        if !reader.problems.is_empty() {
            return Err(problem::as_error(&reader.problems));
        }
        let chosen = overrides.profile.clone();
        let project = match project {
            None => None,
            Some(found) => {
                let trusted: Vec<&Layer> = lower.iter().collect();
                let judge = Judge {
                    trusted: &trusted,
                    above: above.as_ref(),
                    chosen: chosen.as_deref(),
                    brings: overrides.brings_credentials,
                    workspace: workspace.path(),
                    file: &places.project,
                };
                let (layer, project) = Project::judged(found, &judge, caller, trust)?;
                let refused = if trust.judges() { project.refuse() } else { Ok(()) };
                match refused {
                    Err(error) if trust == Trust::Judged => return Err(error),
                    Err(error) => {
                        aside = Some(error.to_string());
                        None
                    }
                    Ok(()) => {
                        lower.push(layer);
                        Some(project)
                    }
                }
            }
        };
        lower.extend(above);
        lower.push(sources::environment(caller)?);
        let flags = sources::flags(overrides, caller)?;
        Ok(Self { lower, flags, profile: chosen, project, aside, overrule: Overrule::default() })
    }

    /// What all layers say together.
    pub fn settings(&self) -> Result<Settings> {
        let mut settings = extracted(self.values()?)?;
        let Overrule { image, persistent, network, boundary } = &self.overrule;
        settings.defaults.image = image.clone().unwrap_or(settings.defaults.image);
        settings.defaults.persistent = persistent.unwrap_or(settings.defaults.persistent);
        settings.network.mode = network.unwrap_or(settings.network.mode);
        settings.defaults.boundary = boundary.unwrap_or(settings.defaults.boundary);
        Ok(Settings { profile: self.profile.clone(), ..settings })
    }

    /// The same with what a use-case decides itself on top.
    #[must_use]
    pub fn overruled(&self, overrule: Overrule) -> Self {
        Self { overrule, ..self.clone() }
    }

    /// Where each value that is not built in was said.
    pub(crate) fn origins(&self) -> Result<BTreeMap<String, Origin>> {
        let all = self.values()?.into_iter().flat_map(|values| values.origins.clone());
        Ok(all.collect())
    }

    /// The profiles there are, each with its parts low to high.
    #[must_use]
    pub fn profiles(&self) -> BTreeMap<String, Vec<&Profile>> {
        let layers = self.layers();
        profile::names(&layers).into_iter().map(|name| (name.clone(), profile::parts(&name, &layers))).collect()
    }

    /// The settings that a profile alone makes, on top of the others.
    #[must_use]
    pub fn with_profile(&self, name: &str) -> Self {
        Self { profile: Some(name.to_owned()), ..self.clone() }
    }

    /// The project's files, as they were read.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        self.project.as_ref()
    }

    /// Why the project's files are left out, if they are.
    #[must_use]
    pub fn set_aside(&self) -> Option<&str> {
        self.aside.as_deref()
    }

    /// The same without anything that the project says, approved or not.
    #[must_use]
    pub fn without_project(&self) -> Self {
        let path = self.project.as_ref().map(|project| &project.path);
        let is_project = |layer: &Layer| matches!(&layer.source, Source::File(file) if Some(file) == path);
        let lower = self.lower.iter().filter(|layer| !is_project(layer)).cloned().collect();
        Self { lower, project: None, ..self.clone() }
    }

    /// The values of a profile, what it inherits first.
    pub(super) fn chain(&self, name: &str) -> Result<Vec<&Values>> {
        profile::chain(name, &self.layers())
    }

    /// The profile that was asked for.
    pub(crate) fn profile_name(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The files that were read.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.lower.iter().filter_map(|layer| match &layer.source {
            Source::File(path) => Some(path.as_path()),
            _ => None,
        })
    }

    fn layers(&self) -> Vec<&Layer> {
        self.lower.iter().collect()
    }

    fn values(&self) -> Result<Vec<&Values>> {
        let layers = self.layers();
        let mut values = stacked(&layers, self.profile.as_deref())?;
        values.push(&self.flags.values);
        Ok(values)
    }
}
