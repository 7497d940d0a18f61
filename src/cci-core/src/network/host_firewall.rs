//! Firewalls of the host that would break a new bridge, and the exact fix for each.

use std::collections::BTreeSet;

/// A firewall that refuses what it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Firewall {
    /// Docker's daemon, which sets the policy of forwarded traffic to drop.
    Docker,
    /// ufw, switched on.
    Ufw,
    /// firewalld, running.
    Firewalld,
}

/// What is known about how the host treats packets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirewallFacts {
    /// Whether it forwards packets at all (`net.ipv4.ip_forward`).
    pub forwards: bool,
    /// Its firewalls.
    pub firewalls: BTreeSet<Firewall>,
}

/// Something that blocks a bridge's traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What is wrong.
    pub problem: &'static str,
    /// The commands that fix it.
    pub fix: String,
}

impl FirewallFacts {
    /// What would block the network of containers on this bridge, with a fix for each.
    #[must_use]
    pub fn obstacles(&self, bridge: &str) -> Vec<Obstacle> {
        let stopped = (!self.forwards).then(|| Obstacle {
            problem: "the host does not forward IPv4 packets",
            fix: "sudo sysctl -w net.ipv4.ip_forward=1".into(),
        });
        stopped.into_iter().chain(self.firewalls.iter().map(|firewall| firewall.obstacle(bridge))).collect()
    }
}

impl Firewall {
    fn obstacle(self, bridge: &str) -> Obstacle {
        let (problem, fix) = match self {
            Self::Docker => (
                "Docker drops forwarded packets of bridges that are not its own",
                format!(
                    "sudo iptables -I DOCKER-USER -i {bridge} -j ACCEPT && \
                     sudo iptables -I DOCKER-USER -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                ),
            ),
            Self::Ufw => (
                "ufw drops DHCP, DNS and forwarded packets of new bridges",
                format!("sudo ufw allow in on {bridge} && sudo ufw route allow in on {bridge}"),
            ),
            Self::Firewalld => (
                "firewalld drops DHCP, DNS and forwarded packets of new bridges",
                format!(
                    "sudo firewall-cmd --permanent --zone=trusted --add-interface={bridge} && \
                     sudo firewall-cmd --reload"
                ),
            ),
        };
        Obstacle { problem, fix }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_a_firewall_has_no_obstacle() {
        assert_eq!(FirewallFacts { forwards: true, ..FirewallFacts::default() }.obstacles("cci-1"), []);
    }

    #[test]
    fn each_firewall_has_its_own_fix_that_names_the_bridge() {
        let firewalls = BTreeSet::from([Firewall::Docker, Firewall::Ufw, Firewall::Firewalld]);
        let facts = FirewallFacts { forwards: false, firewalls };
        let found = facts.obstacles("cci-0badcafe");
        assert_eq!(found.len(), 4);
        assert!(found.iter().skip(1).all(|obstacle| obstacle.fix.contains("cci-0badcafe")), "{found:?}");
    }
}
