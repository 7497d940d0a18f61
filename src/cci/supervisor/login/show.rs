//! What lets a request in, put where an API looks for it.

use cci_agent::{Pass, Refusal};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::answer::Refused;
use super::head::API_KEY;

/// A header that no log shows.
pub(super) fn secret(text: &str) -> Result<HeaderValue, Refused> {
    let unfit =
        |_| Refused::new(Refusal::NoLogin, "the login on the host cannot be used: its token has odd characters");
    let mut value = HeaderValue::from_str(text).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Has a request show what lets it in.
pub(super) fn show(headers: &mut HeaderMap, access: &str, pass: Pass) -> Result<(), Refused> {
    if matches!(pass, Pass::Bearer | Pass::Both) {
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {access}"))?);
    }
    if matches!(pass, Pass::Key | Pass::Both) {
        headers.insert(API_KEY, secret(access)?);
    }
    Ok(())
}
