//! What stands in the way of what containers send, each with its mend.

use super::finding::Finding;
use super::found::Firewall;

pub(super) fn in_the_way(firewall: Firewall, bridge: &str) -> Finding {
    match firewall {
        Firewall::Docker => Finding::warning(
            "firewall-docker",
            format!("Docker's firewall drops what containers on '{bridge}' send"),
            format!("iptables -I DOCKER-USER -i {bridge} -j ACCEPT; iptables -I DOCKER-USER -o {bridge} -j ACCEPT"),
        ),
        Firewall::Ufw => Finding::warning(
            "firewall-ufw",
            format!("ufw drops DHCP, DNS and forwarding on '{bridge}'"),
            format!("ufw allow in on {bridge}; ufw route allow in on {bridge}; ufw route allow out on {bridge}"),
        ),
        Firewall::Firewalld => Finding::warning(
            "firewall-firewalld",
            format!("firewalld drops DHCP, DNS and forwarding on '{bridge}'"),
            format!("firewall-cmd --zone=trusted --change-interface={bridge} --permanent; firewall-cmd --reload"),
        ),
    }
}
