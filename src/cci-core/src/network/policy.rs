//! What a mode and its settings come to: a policy with one text, from which it has its name.

mod answers;
mod beside;
mod doors;
mod keeper;
mod name;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;

pub use self::doors::{DOORS, STAND_IN};
pub use self::keeper::Keeper;
pub use self::name::PolicyName;
use super::entry::{Entry, Target};
use super::mode::Mode;
use super::preset::listed;
use super::reach::Names;
use super::resolver::name_server;
use super::service::{Service, ServiceEntry, ServiceError};
use crate::settings::NetworkSettings;
use crate::{Error, Result};

/// A network policy that cci itself gives to Incus (mode `open` has none: it takes the host's own network; nor has `none`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    form: Form,
    mode: Mode,
    block_private: bool,
    block_metadata: bool,
    entries: BTreeSet<Entry>,
    services: BTreeSet<Service>,
    proxied: bool,
    resolver: Option<SocketAddr>,
}

/// How a policy is put in force. Its one text begins with it, so that what an earlier cci made is another policy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// One bridge, whose name server told of the host's table, its network and other containers.
    Talkative,
    /// A name server behind that of the containers' bridge.
    Silent,
    /// The same, and what is listed by name is judged by the name that each connection is for. This is who does that.
    Named(Keeper),
}

impl Form {
    const TALKATIVE: &str = "1";
    const SILENT: &str = "2";
    const NAMED: &str = "3";

    fn as_str(&self) -> &'static str {
        match self {
            Self::Talkative => Self::TALKATIVE,
            Self::Silent => Self::SILENT,
            Self::Named(_) => Self::NAMED,
        }
    }
}

impl Policy {
    /// The policy of these settings; `None` for modes `open` and `none`. An entry that cannot be enforced is an error.
    ///
    /// Where connections are judged by name, `keeper` is who does that: two of them do not share a policy.
    pub fn new(settings: &NetworkSettings, keeper: &Keeper) -> Result<Option<Self>> {
        let entries = match settings.mode {
            Mode::Open | Mode::None if settings.proxy.is_some() => return Err(no_proxy()),
            Mode::Open | Mode::None => return Ok(None),
            Mode::Learn | Mode::Restricted => BTreeSet::new(),
            Mode::Allowlist => entries(&settings.allowed_domains)?,
        };
        let listed = settings.mode == Mode::Allowlist;
        let is_named = settings.mode == Mode::Learn || entries.iter().any(Entry::is_by_name);
        if settings.proxy.is_some() && !is_named {
            return Err(no_proxy());
        }
        Ok(Some(Self {
            form: if is_named { Form::Named(keeper.clone()) } else { Form::Silent },
            mode: settings.mode,
            block_private: listed || settings.block_private_networks && !settings.allow_local_network_access,
            block_metadata: listed || settings.block_metadata_endpoint,
            entries,
            services: services(&settings.hosts)?,
            proxied: settings.proxy.is_some(),
            resolver: settings.resolver.as_deref().map(resolver).transpose()?,
        }))
    }

    /// Its mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The names that have to be looked up. A service is where it is said to be.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| match &entry.target {
            Target::Name(name) => Some(name.as_str()).filter(|name| self.service(name).is_none()),
            Target::Below(_) | Target::Block(_) => None,
        })
    }

    /// The entries by which connections are judged that name their host; none unless it is enforced by name.
    pub fn by_name(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| self.is_named() && entry.is_by_name())
    }

    /// The single services that its containers may reach.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.iter()
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name().as_str() == name)
    }

    /// The services on ports whose connections are judged by the name that they are for.
    pub fn services_by_name(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| self.is_named() && service.entry().is_by_name())
    }

    /// Whether its rules have to know the address of its bridge: there are its doors, or services of this host.
    #[must_use]
    pub fn has_gateway(&self) -> bool {
        self.is_named() || self.services.iter().any(Service::is_on_host)
    }

    /// Whether connections are judged by the name that they are for.
    #[must_use]
    pub fn is_named(&self) -> bool {
        matches!(self.form, Form::Named(_))
    }

    /// Who judges its connections by name, if anybody does.
    #[must_use]
    pub fn keeper(&self) -> Option<&Keeper> {
        match &self.form {
            Form::Named(keeper) => Some(keeper),
            Form::Talkative | Form::Silent => None,
        }
    }

    /// The name server that is asked instead of the host's.
    #[must_use]
    pub fn resolver(&self) -> Option<SocketAddr> {
        self.resolver
    }

    /// Whether its connections go out through a proxy of the host's, which may know names that the host does not.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// Whether the names that its containers may know are listed.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.mode == Mode::Allowlist
    }

    /// The names that its connections may ask for, with these beside them.
    #[must_use]
    pub fn judged(&self, beside: impl IntoIterator<Item = Entry>) -> Names {
        match self.mode {
            Mode::Learn => Names::Every,
            Mode::None | Mode::Allowlist | Mode::Restricted | Mode::Open => {
                let services = self.services_by_name().map(Service::entry);
                Names::listed(self.by_name().cloned().chain(services).chain(beside))
            }
        }
    }

    /// The one text of this policy: equal policies have equal texts, whatever order they were written in.
    #[must_use]
    pub fn canonical(&self) -> String {
        let entries: Vec<String> = self.entries.iter().map(Entry::to_string).collect();
        let Self { form, mode, block_private, block_metadata, .. } = self;
        let keeper = match form {
            Form::Named(keeper) => format!(" keeper={keeper}"),
            Form::Talkative | Form::Silent => String::new(),
        };
        let form = form.as_str();
        let resolver = self.resolver.map(|server| format!(" resolver={server}")).unwrap_or_default();
        let services: Vec<String> = self.services.iter().map(Service::to_string).collect();
        let hosts = if services.is_empty() { String::new() } else { format!(" hosts={}", services.join(";")) };
        let head = format!("{form} {mode} private={block_private} metadata={block_metadata}{keeper}{resolver}{hosts}");
        let proxied = if self.proxied { " proxied" } else { "" };
        format!("{head}{proxied} allow={}", entries.join(" "))
    }

    /// Reads a policy back from its one text.
    #[must_use]
    pub fn from_canonical(text: &str) -> Option<Self> {
        let (head, allowed) = text.split_once(" allow=")?;
        let (head, proxied) = head.strip_suffix(" proxied").map_or((head, false), |head| (head, true));
        let (head, hosts) = before(head, " hosts=");
        let (head, resolver) = before(head, " resolver=");
        let (head, keeper) = before(head, " keeper=");
        let [form, mode, private, metadata] = head.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let form = match (form, keeper) {
            (Form::TALKATIVE, None) => Form::Talkative,
            (Form::SILENT, None) => Form::Silent,
            (Form::NAMED, Some(keeper)) => Form::Named(keeper.parse().ok()?),
            _ => return None,
        };
        Some(Self {
            form,
            mode: mode.parse().ok()?,
            block_private: private.strip_prefix("private=")?.parse().ok()?,
            block_metadata: metadata.strip_prefix("metadata=")?.parse().ok()?,
            entries: allowed.split_whitespace().map(|entry| Entry::enforced(entry).ok()).collect::<Option<_>>()?,
            proxied,
            resolver: resolver.map(str::parse).transpose().ok()?,
            services: hosts
                .iter()
                .flat_map(|hosts| hosts.split(';'))
                .map(|host| host.parse().ok())
                .collect::<Option<_>>()?,
        })
    }

    /// The name that equal policies share.
    #[must_use]
    pub fn name(&self) -> PolicyName {
        PolicyName::of(&self.canonical())
    }
}

/// What stands before a part of a policy's text that need not be there, and the part.
fn before<'a>(text: &'a str, part: &str) -> (&'a str, Option<&'a str>) {
    text.split_once(part).map_or((text, None), |(before, part)| (before, Some(part)))
}

fn entries(domains: &[String]) -> Result<BTreeSet<Entry>> {
    let mut entries = BTreeSet::new();
    for raw in domains {
        let listed = listed(raw).map_err(|error| Error::Config { problem: error.to_string(), hint: None })?;
        entries.extend(listed);
    }
    Ok(entries)
}

fn services(hosts: &[ServiceEntry]) -> Result<BTreeSet<Service>> {
    let config = |error: ServiceError| Error::Config { problem: format!("network.hosts: {error}"), hint: None };
    let mut services: BTreeSet<Service> = BTreeSet::new();
    for entry in hosts {
        let service = Service::new(entry).map_err(config)?;
        if services.iter().any(|other| other.name() == service.name()) {
            return Err(config(ServiceError::Twice(service.name().clone())));
        }
        services.insert(service);
    }
    Ok(services)
}

fn no_proxy() -> Error {
    Error::Config {
        problem: "network.proxy is for connections that are judged by name, and here none is".into(),
        hint: Some(
            "use `mode = \"allowlist\"` with names for port 80 or 443, or `mode = \"learn\"`; or leave network.proxy out".into(),
        ),
    }
}

fn resolver(raw: &str) -> Result<SocketAddr> {
    name_server(raw).ok_or_else(|| Error::Config {
        problem: format!("network.resolver: '{raw}' is not the address of a name server"),
        hint: None,
    })
}
