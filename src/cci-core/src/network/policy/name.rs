//! The name that equal policies share: that of their bridge and of their ACL.

use std::fmt;

use sha2::{Digest, Sha256};

/// The name of a policy's bridge and of its ACL: `cci-` and eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(String);

impl PolicyName {
    /// The name of the policy with this text.
    pub(super) fn of(canonical: &str) -> Self {
        let hash = Sha256::digest(canonical);
        Self(format!("cci-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]))
    }

    /// The bridge that containers are on.
    #[must_use]
    pub fn bridge(&self) -> &str {
        &self.0
    }

    /// The bridge whose name server is behind that of the containers' bridge; no container is on it.
    ///
    /// It stands apart because a change of a network's DNS sets the whole network up again, and for that moment no
    /// rule of it is in force.
    #[must_use]
    pub fn names_bridge(&self) -> String {
        format!("{}-d", self.0)
    }

    /// A number that spreads policies over the subnets there are.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.get(4..).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or_default()
    }

    /// Reads back the name of a bridge of ours, of either kind.
    #[must_use]
    pub fn parse(bridge: &str) -> Option<Self> {
        let name = bridge.strip_suffix("-d").unwrap_or(bridge);
        let digits = name.strip_prefix("cci-")?;
        let ours = digits.len() == 8 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_the_kernel_and_parses_back() {
        let name = PolicyName::of("a policy");
        assert!(name.names_bridge().len() <= 15, "{name}");
        assert_eq!(PolicyName::parse(name.bridge()), Some(name.clone()));
        assert_eq!(PolicyName::parse(&name.names_bridge()), Some(name));
        for other in ["incusbr0", "cci-", "cci-9c09f80", "cci-9C09F805", "cci-net-1", "cci-9c09f805-1"] {
            assert_eq!(PolicyName::parse(other), None, "{other}");
        }
    }
}
