//! Names that a container of a policy may reach beside it: they resolve, and each connection is judged for itself.

use std::net::Ipv4Addr;

use super::{Policy, STAND_IN};
use crate::network::entry::Target;
use crate::network::host_names::HostNames;
use crate::network::resolved::Resolved;

impl Policy {
    /// Whether its containers can look up everything that this stands for.
    #[must_use]
    pub fn resolves(&self, target: &Target) -> bool {
        let is_service = matches!(target, Target::Name(name) if self.service(name.as_str()).is_some());
        is_service
            || self.entries.iter().any(|entry| match (&entry.target, target) {
                (Target::Below(above), Target::Name(name) | Target::Below(name)) if name.is_below(above) => true,
                (known, wanted) => known == wanted,
            })
    }

    /// The lines for the name server, as [`answers`](Policy::answers) has them, with a door for each of these.
    #[must_use]
    pub fn answers_beside<'a>(
        &self,
        resolved: &Resolved,
        host: &HostNames,
        gateway: Option<Ipv4Addr>,
        beside: impl IntoIterator<Item = &'a Target>,
    ) -> Option<String> {
        let doors =
            beside.into_iter().filter(|target| self.has_names() && self.is_named() && !self.resolves(target)).map(door);
        self.answers(resolved, host, gateway).map(|answers| answers + &doors.collect::<String>())
    }
}

/// The lines by which what a target stands for has an address, where its connections are judged.
pub(super) fn door(target: &Target) -> String {
    match target {
        Target::Name(name) => format!("host-record={name},{STAND_IN}\n"),
        // it has no records of another type
        Target::Below(name) => format!("address=/*.{name}/{STAND_IN}\nlocal=/*.{name}/\n"),
        Target::Block(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Entry;
    use crate::network::policy::tests::{allowlist, restricted};

    fn beside(policy: &Policy, entries: &[&str]) -> String {
        let targets: Vec<Target> = entries.iter().map(|entry| entry.parse::<Entry>().unwrap().target).collect();
        policy.answers_beside(&Resolved::default(), &HostNames::default(), None, &targets).unwrap_or_default()
    }

    #[test]
    fn what_a_container_may_reach_beside_its_policy_has_an_address() {
        let policy = allowlist(&["a.example", "*.b.example"]);
        let without = beside(&policy, &[]);
        assert_eq!(beside(&policy, &["a.example:443", "x.b.example"]), without, "they resolve anyway");
        let with = beside(&policy, &["c.example:443", "*.d.example.com"]);
        let more = "host-record=c.example,192.88.99.7\naddress=/*.d.example.com/192.88.99.7\nlocal=/*.d.example.com/\n";
        assert_eq!(with, without + more);
    }

    #[test]
    fn where_nothing_is_judged_by_name_there_is_no_door() {
        assert!(!beside(&restricted(), &["c.example"]).contains("c.example"));
        assert_eq!(beside(&allowlist(&["198.51.100.1"]), &["c.example"]), "");
    }
}
