//! Reads the value of one key, as its kind wants it.

use cci_core::environment::is_variable_name;
use cci_core::mount::container_path;
use cci_core::network::{Service, ServiceEntry, listed};
use cci_core::settings::{Key, Kind, MountEntry, Scalar};
use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::Check;
use super::expand::expand;
use super::layer::Values;
use super::nearest::suggestion;

impl Check<'_> {
    /// One key's value, put into `values` if it is right.
    pub(super) fn value(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let origin = self.origin(value.span());
        match key.kind {
            Kind::Environment => self.environment(key, shown, value, values),
            Kind::Mounts => self.mounts(key, shown, value, values),
            Kind::Hosts => self.hosts(key, shown, value, values),
            Kind::Texts | Kind::Places | Kind::Forward | Kind::Domains | Kind::Choices(_) => {
                let Some(items) = value.get_ref().as_array() else { return self.wrong(key.kind, shown, value) };
                let texts: Vec<Value> =
                    items.iter().filter_map(|item| self.text(&key.kind, shown, item).map(Value::from)).collect();
                values.set(key.path, None, texts.into(), origin);
            }
            Kind::Path => {
                if let Some(path) = self.path(shown, value) {
                    values.set(key.path, None, path.into(), origin);
                }
            }
            kind => match scalar(value.get_ref()).filter(|scalar| kind.takes(scalar)) {
                Some(Scalar::Bool(value)) => values.set(key.path, None, value.into(), origin),
                // amounts are texts for Incus, however they are written
                Some(Scalar::Integer(count)) if matches!(kind, Kind::Cores | Kind::Processes) => {
                    values.set(key.path, None, count.to_string().into(), origin);
                }
                Some(Scalar::Integer(number)) => values.set(key.path, None, number.into(), origin),
                Some(Scalar::Text(text)) => values.set(key.path, None, text.into(), origin),
                None => self.wrong(kind, shown, value),
            },
        }
    }

    fn environment(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(variables) = self.table(shown, value) else { return };
        for (name, value) in variables {
            let (shown, origin) = (format!("{shown}.{}", name.get_ref()), self.origin(value.span()));
            if !is_variable_name(name.get_ref()) {
                self.note(name.span(), format!("invalid environment variable name '{}'", name.get_ref()));
                continue;
            }
            let made = match value.get_ref() {
                DeValue::String(text) => Some(Value::from(text.as_ref())),
                DeValue::Table(table) => self.command(&shown, table, value.span()),
                _ => {
                    self.note(value.span(), format!("{shown}: expected a text or {{ command = \"…\" }}"));
                    None
                }
            };
            if let Some(made) = made {
                values.set(key.path, Some(name.get_ref()), made, origin);
            }
        }
    }

    fn command(&mut self, shown: &str, table: &DeTable<'_>, span: std::ops::Range<usize>) -> Option<Value> {
        let mut made = None;
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "command" => made = Some(self.text(&Kind::Text, &format!("{shown}.command"), value)?),
                _ => self.unknown_part(shown, name, &["command"]),
            }
        }
        if made.is_none() {
            self.note(span, format!("{shown}: `command` is missing"));
        }
        made.map(|command| Dict::from([("command".to_owned(), command.into())]).into())
    }

    /// A key of a table that is itself a value.
    fn unknown_part(&mut self, shown: &str, part: &Spanned<std::borrow::Cow<'_, str>>, valid: &[&str]) {
        let near = suggestion(part.get_ref(), valid.iter().copied());
        self.note(part.span(), format!("unknown key '{shown}.{}'{near}", part.get_ref()));
    }

    fn mounts(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(mounts) = value.get_ref().as_array() else { return self.wrong(key.kind, shown, value) };
        let mut seen: Vec<String> = Vec::new();
        for mount in mounts {
            let Some((container, entry)) = self.mount(shown, mount) else { continue };
            if seen.contains(&container) {
                self.note(mount.span(), format!("{shown}: container path {container} is used twice"));
            }
            match Value::serialize(entry) {
                Ok(value) => values.set(key.path, Some(&container), value, self.origin(mount.span())),
                Err(error) => self.note(mount.span(), error.to_string()),
            }
            seen.push(container);
        }
    }

    fn mount(&mut self, shown: &str, mount: &Spanned<DeValue<'_>>) -> Option<(String, MountEntry)> {
        let table = self.table(shown, mount)?;
        let (mut host, mut container, mut readonly, mut optional) = (None, None, Some(false), Some(false));
        let before = self.problems.len();
        for (name, value) in table {
            let part = format!("{shown}.{}", name.get_ref());
            match name.get_ref().as_ref() {
                "host" => host = self.path(&part, value),
                "container" => container = self.text(&Kind::Text, &part, value).map(|path| (path, value.span())),
                "readonly" => readonly = self.bool(&part, value),
                "optional" => optional = self.bool(&part, value),
                _ => self.unknown_part(shown, name, &["host", "container", "readonly", "optional"]),
            }
        }
        let container = container.and_then(|(path, span)| {
            container_path(&path).map_err(|error| self.note(span, format!("{shown}: {error}"))).ok()
        });
        if self.problems.len() == before && (host.is_none() || container.is_none()) {
            self.note(mount.span(), format!("{shown}: a mount needs `host` and `container`"));
        }
        Some((container?, MountEntry { host: host?.into(), readonly: readonly?, optional: optional? }))
    }

    fn hosts(&mut self, key: &Key, shown: &str, value: &Spanned<DeValue<'_>>, values: &mut Values) {
        let Some(hosts) = value.get_ref().as_array() else { return self.wrong(key.kind, shown, value) };
        let mut read: Vec<Value> = Vec::new();
        for host in hosts {
            let Some(entry) = self.host(shown, host) else { continue };
            match Service::new(&entry)
                .map_err(|error| error.to_string())
                .and_then(|_| Value::serialize(entry).map_err(|error| error.to_string()))
            {
                Ok(value) => read.push(value),
                Err(problem) => self.note(host.span(), format!("{shown}: {problem}")),
            }
        }
        values.set(key.path, None, read.into(), self.origin(value.span()));
    }

    fn host(&mut self, shown: &str, host: &Spanned<DeValue<'_>>) -> Option<ServiceEntry> {
        let table = self.table(shown, host)?;
        let (mut name, mut address, mut ports) = (None, None, None);
        let before = self.problems.len();
        for (part, value) in table {
            let shown_part = format!("{shown}.{}", part.get_ref());
            match part.get_ref().as_ref() {
                "name" => name = self.text(&Kind::Text, &shown_part, value),
                "address" => address = self.text(&Kind::Text, &shown_part, value),
                "ports" => ports = self.ports(&shown_part, value),
                _ => self.unknown_part(shown, part, &["name", "address", "ports"]),
            }
        }
        if self.problems.len() == before && (name.is_none() || address.is_none() || ports.is_none()) {
            self.note(host.span(), format!("{shown}: a service needs `name`, `address` and `ports`"));
        }
        Some(ServiceEntry { name: name?, address: address?, ports: ports? })
    }

    fn ports(&mut self, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<u16>> {
        let port = |item: &Spanned<DeValue<'_>>| match scalar(item.get_ref())? {
            Scalar::Integer(port) => u16::try_from(port).ok().filter(|port| *port > 0),
            Scalar::Bool(_) | Scalar::Text(_) => None,
        };
        let ports = value.get_ref().as_array().and_then(|items| items.iter().map(port).collect());
        if ports.is_none() {
            self.note(value.span(), format!("{shown}: expected a list of ports, from 1 to 65535"));
        }
        ports
    }

    fn path(&mut self, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = self.text(&Kind::Path, shown, value)?;
        let expanded = expand(&text, self.caller);
        expanded
            .map_err(|problem| self.note(value.span(), format!("{shown}: cannot expand '{text}': {problem}")))
            .ok()
            .map(|path| path.to_string_lossy().into_owned())
    }

    pub(super) fn text(&mut self, kind: &Kind, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = value.get_ref().as_str();
        let found = text.filter(|text| kind.takes(&Scalar::Text(text)));
        match (kind, text, found) {
            (_, _, Some(_)) => {}
            // why it is none says more than what one is
            (Kind::Domains, Some(text), None) => {
                if let Err(error) = listed(text) {
                    self.note(value.span(), format!("{shown}: {error}"));
                }
            }
            _ => self.wrong(*kind, shown, value),
        }
        found.map(str::to_owned)
    }

    fn bool(&mut self, shown: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong(Kind::Bool, shown, value);
        }
        found
    }
}

fn scalar<'v>(value: &'v DeValue<'_>) -> Option<Scalar<'v>> {
    match value {
        DeValue::Boolean(value) => Some(Scalar::Bool(*value)),
        DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix()).ok().map(Scalar::Integer),
        DeValue::String(text) => Some(Scalar::Text(text)),
        _ => None,
    }
}
