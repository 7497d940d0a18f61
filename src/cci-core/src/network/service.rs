//! A single service of the host or of its network that containers may reach, whatever else their policy says.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::entry::{Entry, Ports, Target};
use super::host_name::HostName;
use super::special::{Addresses, Special};

/// One of `[network] hosts`, as a file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// The name by which containers know it.
    pub name: String,
    /// An IPv4 address, or `host`.
    pub address: String,
    /// Its ports, of TCP and UDP.
    pub ports: Vec<u16>,
}

/// The same, as it is enforced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    name: HostName,
    at: Place,
    ports: Ports,
}

/// Where a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// On this host, at the address that the containers' bridge has.
    Host,
    /// At this address.
    Address(Ipv4Addr),
}

/// Why there can be no such service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Its name is none.
    #[error("'{0}' is not the name of a host")]
    Name(String),
    /// Its address is none.
    #[error("address '{0}': give an IPv4 address, or `host` for this host as its containers reach it")]
    Address(String),
    /// It is reached by the host itself only.
    #[error(
        "address '{0}': nothing outside the host reaches its loopback; have the service listen at 0.0.0.0, and give `address = \"host\"`"
    )]
    Loopback(Ipv4Addr),
    /// A cloud keeps its metadata there.
    #[error("address '{0}': link-local addresses and cloud metadata are not opened as a service")]
    Metadata(Ipv4Addr),
    /// It is no single host's.
    #[error("address '{0}' is not that of a single host")]
    Reserved(Ipv4Addr),
    /// It has no ports.
    #[error("{0}: list its ports, from 1 to 65535")]
    Ports(String),
    /// Another one has its name.
    #[error("{0} is listed twice: a name has one address, and all of its ports in one list")]
    Twice(HostName),
}

/// How a file says that a service is on this host.
const HOST: &str = "host";

impl Service {
    /// Reads one.
    pub fn new(entry: &ServiceEntry) -> Result<Self, ServiceError> {
        let name = HostName::typed(&entry.name).map_err(|_| ServiceError::Name(entry.name.clone()))?;
        let at = entry.address.parse()?;
        if entry.ports.is_empty() || entry.ports.contains(&0) {
            return Err(ServiceError::Ports(entry.name.clone()));
        }
        Ok(Self { name, at, ports: entry.ports.iter().copied().collect() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &HostName {
        &self.name
    }

    /// Its ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Whether it is on this host, at the address of the containers' bridge.
    #[must_use]
    pub fn is_on_host(&self) -> bool {
        self.at == Place::Host
    }

    /// Its address, if that is known; `gateway` is the one of the bridge.
    #[must_use]
    pub fn address(&self, gateway: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        match self.at {
            Place::Host => gateway,
            Place::Address(address) => Some(address),
        }
    }

    /// The same with its address instead of `host`.
    #[must_use]
    pub fn placed(&self, gateway: Ipv4Addr) -> Self {
        let address = self.address(Some(gateway)).unwrap_or(gateway);
        Self { at: Place::Address(address), ..self.clone() }
    }

    /// What it lets through by name.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry { target: Target::Name(self.name.clone()), ports: self.ports.clone() }
    }
}

/// Where names lead that are services: nowhere else, and to no other port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services(BTreeMap<HostName, (Ipv4Addr, Ports)>);

impl Services {
    /// The address of a name, if it is a service with this port.
    #[must_use]
    pub fn address(&self, name: &HostName, port: u16) -> Option<Ipv4Addr> {
        self.0.get(name).filter(|(_, ports)| ports.contains(port)).map(|(address, _)| *address)
    }

    /// Whether a name is a service, on any port.
    #[must_use]
    pub(super) fn have(&self, name: &HostName) -> bool {
        self.0.contains_key(name)
    }
}

impl FromIterator<Service> for Services {
    fn from_iter<T: IntoIterator<Item = Service>>(services: T) -> Self {
        let known = services.into_iter().filter_map(|service| {
            let address = service.address(None)?;
            Some((service.name, (address, service.ports)))
        });
        Self(known.collect())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => out.write_str(HOST),
            Self::Address(address) => address.fmt(out),
        }
    }
}

impl FromStr for Place {
    type Err = ServiceError;

    fn from_str(raw: &str) -> Result<Self, ServiceError> {
        if raw == HOST {
            return Ok(Self::Host);
        }
        let address: Ipv4Addr = raw.parse().map_err(|_| ServiceError::Address(raw.to_owned()))?;
        let allowed = Addresses { private: true, ..Addresses::default() };
        match allowed.refuse(address.into()) {
            None => Ok(Self::Address(address)),
            Some(Special::Metadata) => Err(ServiceError::Metadata(address)),
            Some(_) if Block::SPECIAL[1].contains(address) => Err(ServiceError::Loopback(address)),
            Some(_) => Err(ServiceError::Reserved(address)),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}:{}", self.name, self.at, self.ports)
    }
}

impl FromStr for Service {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let (name, rest) = raw.split_once('@').ok_or(())?;
        let (at, ports) = rest.split_once(':').ok_or(())?;
        let name = HostName::typed(name).map_err(|_| ())?;
        Ok(Self { name, at: at.parse().map_err(|_| ())?, ports: ports.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(address: &str, ports: &[u16]) -> Result<Service, ServiceError> {
        Service::new(&ServiceEntry { name: "DB.lan".into(), address: address.into(), ports: ports.to_vec() })
    }

    #[test]
    fn a_service_is_read_back_from_its_text() {
        for (address, text) in [("192.168.7.5", "db.lan@192.168.7.5:80,5432"), ("host", "db.lan@host:80,5432")] {
            let read = service(address, &[5432, 80]).unwrap();
            assert_eq!(read.to_string(), text);
            assert_eq!(text.parse(), Ok(read));
        }
        let on_host = service("host", &[80]).unwrap();
        let gateway = Ipv4Addr::new(10, 128, 3, 1);
        assert_eq!((on_host.address(None), on_host.address(Some(gateway))), (None, Some(gateway)));
        assert_eq!(on_host.placed(gateway).to_string(), "db.lan@10.128.3.1:80");
    }

    #[test]
    fn what_is_no_single_service_is_refused_with_the_way_out() {
        for (address, says) in [
            ("127.0.0.1", "address = \"host\""),
            ("169.254.169.254", "cloud metadata"),
            ("168.63.129.16", "cloud metadata"),
            ("100.100.100.200", "cloud metadata"),
            ("192.0.0.192", "cloud metadata"),
            ("224.0.0.1", "single host"),
            ("0.0.0.0", "single host"),
            ("192.168.0.0/16", "IPv4 address"),
            ("::1", "IPv4 address"),
        ] {
            let error = service(address, &[80]).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        for ports in [&[][..], &[0], &[80, 0]] {
            assert_eq!(service("10.0.0.1", ports), Err(ServiceError::Ports("DB.lan".into())));
        }
        let entry = ServiceEntry { name: "*.lan".into(), address: "10.0.0.1".into(), ports: vec![80] };
        assert_eq!(Service::new(&entry), Err(ServiceError::Name("*.lan".into())));
    }

    #[test]
    fn a_name_leads_to_its_address_on_its_ports_only() {
        let services: Services = [service("10.0.0.1", &[80]).unwrap()].into_iter().collect();
        let [name, other] = ["db.lan", "other.lan"].map(|name| HostName::typed(name).unwrap());
        assert_eq!(services.address(&name, 80), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!((services.address(&name, 443), services.address(&other, 80)), (None, None));
    }
}
