//! A service account of Google's: a statement that it signs itself is exchanged for a token.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

/// What the token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long the statement counts, in seconds.
const COUNTS: u64 = 3600;

/// The statement of this account at this second since 1970; `None` if the file is no account's.
pub(super) fn statement(account: &Value, audience: &str, now: u64) -> Option<String> {
    let key = account["private_key"].as_str()?;
    let encoded: String = key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(encoded).ok()?).ok()?;
    let head = json!({ "alg": "RS256", "typ": "JWT", "kid": account["private_key_id"] });
    let said = json!({ "iss": account["client_email"].as_str()?, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + COUNTS });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&head), part(&said));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn openssl(arguments: &[&str]) -> Vec<u8> {
        let out = Command::new("openssl").args(arguments).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        out.stdout
    }

    #[test]
    fn a_statement_is_signed_with_the_key_of_the_account() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let path = path.to_str().unwrap();
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path]);
        let key = std::fs::read_to_string(path).unwrap();
        let account = json!({ "client_email": "me@p.example", "private_key": key, "private_key_id": "1" });
        let text = statement(&account, "https://t.example/token", 1000).unwrap();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let public = openssl(&["rsa", "-in", path, "-RSAPublicKey_out", "-outform", "DER"]);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(signed.as_bytes(), &signature).unwrap();
        let said = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((&said["iss"], &said["exp"]), (&json!("me@p.example"), &json!(4600)));
        for other in [json!({}), json!({ "client_email": "x", "private_key": "-----BEGIN\nnone\n" })] {
            assert_eq!(statement(&other, "a", 0), None);
        }
    }
}
