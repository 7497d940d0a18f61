//! Which rule of a policy decides about one flow of packets.

use std::net::Ipv4Addr;

use super::rule::{Action, Rule};

/// A transport protocol, as far as rules tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, which has no ports.
    Icmp,
}

/// Traffic that a container would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Where to.
    pub to: Ipv4Addr,
    /// By which protocol.
    pub protocol: Protocol,
    /// To which port; `None` asks about a port that no rule names.
    pub port: Option<u16>,
}

/// What happens to a flow, and by which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// A rule lets it through.
    Allowed(&'a Rule),
    /// A rule refuses it.
    Refused(&'a Rule),
    /// No rule names it, so it is refused.
    NotListed,
}

impl<'a> Verdict<'a> {
    /// What these rules decide: any refusal takes precedence over every permission, wherever they are listed.
    #[must_use]
    pub fn of(rules: &'a [Rule], flow: &Flow) -> Self {
        let first = |action| rules.iter().find(|rule| rule.action == action && meets(rule, flow));
        match (first(Action::Reject), first(Action::Allow)) {
            (Some(rule), _) => Self::Refused(rule),
            (None, Some(rule)) => Self::Allowed(rule),
            (None, None) => Self::NotListed,
        }
    }

    /// Whether it gets through.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

fn meets(rule: &Rule, flow: &Flow) -> bool {
    let port_fits = match (flow.protocol, flow.port) {
        _ if rule.ports.is_every() => true,
        (Protocol::Tcp | Protocol::Udp, Some(port)) => rule.ports.contains(port),
        (Protocol::Icmp, _) | (_, None) => false,
    };
    port_fits && rule.to.iter().any(|block| block.contains(flow.to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Block;

    fn flow(to: &str, protocol: Protocol, port: Option<u16>) -> Flow {
        Flow { to: to.parse().unwrap(), protocol, port }
    }

    #[test]
    fn a_refusal_goes_before_a_permission_that_comes_first() {
        let block: Block = "198.51.100.0/24".parse().unwrap();
        let rules = [Rule::allow([Block::ALL], "443".parse().unwrap(), "all"), Rule::reject([block], "one")];
        let verdict = |to, protocol, port| Verdict::of(&rules, &flow(to, protocol, port));
        assert_eq!(verdict("198.51.100.1", Protocol::Tcp, Some(443)), Verdict::Refused(&rules[1]));
        assert_eq!(verdict("198.51.101.1", Protocol::Udp, Some(443)), Verdict::Allowed(&rules[0]));
        assert_eq!(verdict("198.51.101.1", Protocol::Tcp, Some(80)), Verdict::NotListed);
        assert_eq!(verdict("198.51.101.1", Protocol::Icmp, None), Verdict::NotListed);
    }
}
