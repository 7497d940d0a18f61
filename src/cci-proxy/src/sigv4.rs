//! The signature that lets a request in at AWS: version 4, of a request whose body is there whole.

use std::fmt::{self, Debug, Write};

use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign as mac};

/// What is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsKeys {
    /// The id of the key, which is no secret.
    pub id: String,
    /// The key.
    pub secret: String,
    /// What goes with a key that ends.
    pub token: Option<String>,
}

impl Debug for AwsKeys {
    /// Without the secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AwsKeys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a signature is good for.
#[derive(Debug, Clone, Copy)]
pub struct AwsScope<'a> {
    /// The region.
    pub region: &'a str,
    /// The service.
    pub service: &'a str,
    /// When it is made, as in `20150830T123600Z`.
    pub time: &'a str,
}

/// A request that is signed. It has no query.
#[derive(Debug, Clone, Copy)]
pub struct AwsRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it is sent.
    pub path: &'a str,
    /// The headers that are signed, by their names in lowercase: the host, the time, the token if there is one.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The value of the header `authorization`.
#[must_use]
pub fn sign(request: &AwsRequest<'_>, keys: &AwsKeys, scope: AwsScope<'_>) -> String {
    let AwsScope { region, service, time } = scope;
    let mut headers = request.headers.to_vec();
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{}", value.trim())).collect();
    let (path, lines, body) = (encoded(request.path), lines.join("\n"), hash(request.body));
    let canonical = format!("{}\n{path}\n\n{lines}\n\n{names}\n{body}", request.method);
    let day = time.split('T').next().unwrap_or_default();
    let place = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{place}\n{}", hash(canonical.as_bytes()));
    let begin = format!("AWS4{}", keys.secret).into_bytes();
    let key = [day, region, service, "aws4_request"].iter().fold(begin, |key, part| signed(&key, part));
    let signature = hex(&signed(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={names}, Signature={signature}", keys.id)
}

fn signed(key: &[u8], text: &str) -> Vec<u8> {
    mac(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A path is encoded once more than it is sent.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");

    fn keys(token: Option<&str>) -> AwsKeys {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned();
        AwsKeys { id: "AKIDEXAMPLE".into(), secret, token: token.map(str::to_owned) }
    }

    fn signature(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let scope = AwsScope { region: "us-east-1", service: "service", time: TIME.1 };
        let request = AwsRequest { method, path, headers, body: body.as_bytes() };
        let text = sign(&request, &keys(None), scope);
        let (before, signature) = text.rsplit_once('=').unwrap();
        assert!(before.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"));
        signature.to_owned()
    }

    #[test]
    fn the_signatures_are_those_that_aws_publishes() {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        for (method, headers, body, expected) in [
            ("GET", &[HOST, TIME][..], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", &[TIME, HOST], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "POST",
                &[HOST, TIME, form],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "POST",
                &[HOST, TIME, ("x-amz-security-token", token)],
                "",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ] {
            assert_eq!(signature(method, "/", headers, body), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn a_path_that_is_encoded_is_encoded_again() {
        assert_eq!(encoded("/model/a.b-v1:0/invoke"), "/model/a.b-v1%3A0/invoke");
        assert_eq!(encoded("/model/arn%3Aaws%2Fx/invoke"), "/model/arn%253Aaws%252Fx/invoke");
    }

    #[test]
    fn a_request_to_bedrock_is_signed_as_by_the_sdk_of_aws() {
        let host = "bedrock-runtime.us-east-1.amazonaws.com";
        let headers = [("content-type", "application/json"), ("host", host), TIME, ("x-amz-security-token", "tok")];
        let scope = AwsScope { region: "us-east-1", service: "bedrock", time: TIME.1 };
        for (path, expected) in [
            ("/model/us.anthropic.x-v1:0/invoke", "2d8caf85dd2458f8c814de33c24b0ab2bdb5a713490bb232117082298e170dc9"),
            (
                "/model/arn%3Aaws%3Abedrock%2Fx/invoke",
                "033aa75eeb42e5912c878a1eb0c5c2d86b4344f2c9d7f50e843806b1a1502ac0",
            ),
        ] {
            let request = AwsRequest { method: "POST", path, headers: &headers, body: b"{\"a\":1}" };
            let text = sign(&request, &keys(Some("tok")), scope);
            assert_eq!(text.rsplit_once('=').unwrap().1, expected, "{path}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", keys(Some("the-token")));
        assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("wJalr") && !shown.contains("the-token"), "{shown}");
    }
}
