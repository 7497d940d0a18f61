//! What a stub of Bedrock or Vertex AI lets in, and the messages that Bedrock answers in. The signature is made here from
//! what AWS describes, and not by cci.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::anthropic::Asked;

/// Where a login of Google's is renewed.
pub const GOOGLE: &str = "/google/token";

/// What a cloud lets in.
#[derive(Debug, Clone)]
pub enum Cloud {
    /// What is signed with these keys: id, secret and token, for this region.
    Signed(&'static str, &'static str, &'static str, &'static str),
    /// What carries this token.
    Bearer(&'static str),
    /// What carries this token of Google's, which is issued for the refresh token behind it.
    Issued(&'static str, &'static str),
}

impl Cloud {
    /// Whether a request is let in.
    pub fn opens(&self, asked: &Asked) -> bool {
        match self {
            Self::Signed(id, secret, token, region) => {
                let shown = asked.header("x-amz-security-token").unwrap_or_default();
                shown == *token && is_signed(asked, id, secret, region)
            }
            Self::Bearer(token) | Self::Issued(token, _) => asked.bearer.as_deref() == Some(*token),
        }
    }

    /// What is answered to whoever posts a refresh token of Google's.
    pub fn issues(&self, form: &[u8]) -> Option<Value> {
        let Self::Issued(access, refresh) = self else { return None };
        let posted = String::from_utf8_lossy(form).replace("%2F", "/");
        let is_taken = posted.split('&').any(|pair| pair == format!("refresh_token={refresh}"));
        is_taken.then(|| json!({ "access_token": access, "expires_in": 3600, "token_type": "Bearer" }))
    }
}

fn is_signed(asked: &Asked, id: &str, secret: &str, region: &str) -> bool {
    let (Some(shown), Some(time)) = (asked.header("authorization"), asked.header("x-amz-date")) else { return false };
    let Some((before, signature)) = shown.rsplit_once(", Signature=") else { return false };
    let Some((scope, names)) = before.rsplit_once(", SignedHeaders=") else { return false };
    let place = format!("{}/{region}/bedrock/aws4_request", &time[..8]);
    if scope != format!("AWS4-HMAC-SHA256 Credential={id}/{place}") {
        return false;
    }
    let lines = names.split(';').map(|name| format!("{name}:{}\n", asked.header(name).unwrap_or_default()));
    let path = asked.line.split(' ').nth(1).unwrap_or_default();
    let path = path.replace('%', "%25").replace(':', "%3A");
    let whole =
        format!("POST\n{path}\n\n{}\n{names}\n{}", lines.collect::<String>(), hex(&Sha256::digest(&asked.body)));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{place}\n{}", hex(&Sha256::digest(whole)));
    let key = place.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part.as_bytes()));
    hex(&mac(&key, text.as_bytes())) == signature
}

/// HMAC, for keys that are no longer than a block.
fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ with).collect() };
    let inner = Sha256::digest([&pad(0x36), text].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// An event as Bedrock sends it.
pub fn message(event: &Value) -> Vec<u8> {
    let payload = json!({ "bytes": STANDARD.encode(event.to_string()), "p": "abcd" }).to_string();
    let header = |name: &str, value: &str| {
        let length = u16::try_from(value.len()).unwrap();
        let name_length = u8::try_from(name.len()).unwrap();
        [&[name_length], name.as_bytes(), &[7], &length.to_be_bytes(), value.as_bytes()].concat()
    };
    let headers = [(":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event")];
    let headers: Vec<u8> = headers.iter().flat_map(|(name, value)| header(name, value)).collect();
    let number = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let mut whole = [number(16 + headers.len() + payload.len()), number(headers.len())].concat();
    whole.extend(crc32fast::hash(&whole).to_be_bytes());
    whole.extend(headers);
    whole.extend(payload.as_bytes());
    whole.extend(crc32fast::hash(&whole).to_be_bytes());
    whole
}
