//! Which clients a server trusts by their certificates.

use serde_json::json;

use crate::{client::Client, error::Result, request::Request};

impl Client {
    /// Trusts a client by its certificate (`POST /1.0/certificates`), for all projects.
    pub async fn trust_certificate(&self, name: &str, certificate_pem: &str) -> Result<()> {
        self.settle(&trust(name, certificate_pem)).await
    }
}

/// The certificate is sent as the base64 between its BEGIN and END lines.
fn trust(name: &str, certificate_pem: &str) -> Request {
    let lines = certificate_pem.lines().map(str::trim);
    let content: String = lines
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    Request::post(["certificates"], format!("trust certificate {name}"))
        .of_the_server()
        .json(&json!({"type": "client", "name": name, "certificate": content}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_goes_without_its_frame() {
        let pem = "noise\n-----BEGIN CERTIFICATE-----\nYWJj\nZGVm\n-----END CERTIFICATE-----\nnoise\n";
        let body = json!({"type": "client", "name": "n", "certificate": "YWJjZGVm"});
        assert_eq!(trust("n", pem).body.object(), body);
    }
}
