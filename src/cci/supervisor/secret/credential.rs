//! What git in a container is let in with: a placeholder, for the repositories of the session, which is swapped on the way.

use cci_host::store::run_dir::SecretsNote;
use hyper::StatusCode;
use hyper::http::uri::Authority;
use serde_json::{Value, json};

use super::refused::Refused;
use super::vault::Vault;
use crate::supervisor::http::{Answer, Body, answer, refusal};

/// The name that GitHub's tokens are used with.
const USER: &str = "x-access-token";

/// Answers what git asks its credential helper.
pub(in crate::supervisor) async fn credential(vault: &Vault, note: Option<&SecretsNote>, body: &Body) -> Answer {
    match found(vault, note, body).await {
        Ok(credential) => answer(StatusCode::OK, &credential),
        Err(refused) => refusal(refused.status, refused.code, &refused.why),
    }
}

async fn found(vault: &Vault, note: Option<&SecretsNote>, body: &Body) -> Result<Value, Refused> {
    let note = note.ok_or_else(|| Refused::forbidden("this session has no token for git"))?;
    let asked = body.json().ok_or_else(|| Refused::malformed("it is no JSON"))?;
    let text = |key: &str| asked[key].as_str().unwrap_or_default();
    let authority: Authority = text("host").parse().map_err(|_| Refused::malformed("it names no host"))?;
    if text("protocol") != "http" {
        // git in the container has to reach it by the proxy, as its environment says
        let why = format!("a token for {authority} is added on the way through cci only, which http:// URLs take here");
        return Err(Refused::forbidden(why));
    }
    let mut why = Refused::forbidden(format!("this session has no token for {authority}"));
    for (name, secret) in vault.kept(note).await? {
        let Some(github) = &secret.github else { continue };
        for host in secret.hosts.iter().filter(|host| host.is_meant(authority.host(), authority.port_u16())) {
            match github.repositories(host, &note.remotes).allow_git(text("path")) {
                Ok(()) => return Ok(json!({ "username": USER, "password": name.placeholder() })),
                Err(denied) => why = Refused::forbidden(denied.told(&name)),
            }
        }
    }
    Err(why)
}
