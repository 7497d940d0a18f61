//! Network ACLs: named lists of allowed and refused traffic.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    client::Client,
    error::Result,
    instance::Config,
    request::{Etag, Request},
    wire::null_is_default,
};

/// A network ACL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Acl {
    /// Unique within the project.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Free keys: `user.*`.
    #[serde(deserialize_with = "null_is_default")]
    pub config: Config,
    /// Rules for traffic from the instances.
    #[serde(deserialize_with = "null_is_default")]
    pub egress: Vec<AclRule>,
    /// Rules for traffic to the instances.
    #[serde(deserialize_with = "null_is_default")]
    pub ingress: Vec<AclRule>,
    /// Paths of what uses it.
    #[serde(deserialize_with = "null_is_default")]
    pub used_by: Vec<String>,
}

/// Everything about an ACL that can be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of Acl")]
pub struct AclPut {
    pub description: String,
    pub config: Config,
    pub egress: Vec<AclRule>,
    pub ingress: Vec<AclRule>,
}

/// What happens to matching traffic. Whatever the order of the rules, drop takes precedence over reject, and reject
/// over allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum AclAction {
    Allow,
    AllowStateless,
    #[default]
    Reject,
    Drop,
}

/// Whether a rule is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AclState {
    /// In force.
    #[default]
    Enabled,
    /// Not in force.
    Disabled,
    /// In force, and matches are logged.
    Logged,
}

/// One rule; an empty field matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AclRule {
    /// What happens.
    pub action: AclAction,
    /// Whether it is in force.
    pub state: AclState,
    /// Addresses, CIDRs or ranges, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Addresses, CIDRs or ranges, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination: String,
    /// `tcp`, `udp`, `icmp4` or `icmp6`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// Ports or ranges, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_port: String,
    /// Ports or ranges, separated by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub destination_port: String,
    /// A number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icmp_type: String,
    /// A number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icmp_code: String,
    /// Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl Client {
    /// All ACLs of the project (`GET /1.0/network-acls?recursion=1`).
    pub async fn acls(&self) -> Result<Vec<Acl>> {
        self.read_list(&Request::get(["network-acls"], "list network ACLs").with("recursion", "1")).await
    }

    /// One ACL and its version (`GET /1.0/network-acls/NAME`).
    pub async fn acl(&self, name: &str) -> Result<(Acl, Etag)> {
        self.read_tagged(&Request::get(["network-acls", name], format!("read network ACL {name}"))).await
    }

    /// Creates an ACL (`POST /1.0/network-acls`).
    pub async fn create_acl(&self, name: &str, content: &AclPut) -> Result<()> {
        self.settle(&create(name, content)).await
    }

    /// Replaces an ACL's rules atomically (`PUT /1.0/network-acls/NAME`).
    pub async fn put_acl(&self, name: &str, content: &AclPut, etag: Option<&Etag>) -> Result<()> {
        let request = Request::put(["network-acls", name], format!("change network ACL {name}"));
        self.settle(&request.json(content).unchanged_since(etag)).await
    }

    /// Deletes an ACL that nothing uses (`DELETE /1.0/network-acls/NAME`).
    pub async fn delete_acl(&self, name: &str) -> Result<()> {
        self.settle(&Request::delete(["network-acls", name], format!("delete network ACL {name}"))).await
    }
}

fn create(name: &str, content: &AclPut) -> Request {
    let body = json!({
        "name": name,
        "description": content.description,
        "config": content.config,
        "egress": content.egress,
        "ingress": content.ingress,
    });
    Request::post(["network-acls"], format!("create network ACL {name}")).json(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_only_what_it_matches() {
        let rule = AclRule { destination: "10.0.0.0/8".into(), ..AclRule::default() };
        let content = AclPut { egress: vec![rule], ..AclPut::default() };
        assert_eq!(
            create("a", &content).body.object(),
            json!({
                "name": "a", "description": "", "config": {}, "ingress": [],
                "egress": [{"action": "reject", "state": "enabled", "destination": "10.0.0.0/8"}],
            })
        );
    }
}
