//! A profile of AWS's own files, `~/.aws/credentials` and `~/.aws/config`.

use cci_proxy::AwsKeys;

/// What a profile lets in with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// Keys.
    Keys(AwsKeys),
    /// What a command prints.
    Process(String),
    /// Something that AWS's own program knows how to use.
    Other,
    /// There is no such profile.
    Absent,
}

/// Finds the profile of this name in the two files: keys of the first count more.
pub(super) fn profile(credentials: &str, config: &str, name: &str) -> Profile {
    let whole = format!("profile {name}");
    let of_config = |section: &str| section == whole || name == "default" && section == name;
    let keys = section(credentials, |section| section == name);
    let config = section(config, of_config);
    for values in [&keys, &config].into_iter().flatten() {
        let value = |key: &str| values.iter().find(|(one, _)| *one == key).map(|(_, value)| (*value).to_owned());
        if let (Some(id), Some(secret)) = (value("aws_access_key_id"), value("aws_secret_access_key")) {
            return Profile::Keys(AwsKeys { id, secret, token: value("aws_session_token") });
        }
        if let Some(command) = value("credential_process") {
            return Profile::Process(command);
        }
    }
    if keys.is_some() || config.is_some() { Profile::Other } else { Profile::Absent }
}

/// The values of a section, if it is there.
fn section(text: &str, is_it: impl Fn(&str) -> bool) -> Option<Vec<(&str, &str)>> {
    let (mut found, mut within) = (None, false);
    for line in text.lines() {
        let is_part_of_the_line_before = line.starts_with([' ', '\t']);
        let line = line.trim();
        if is_part_of_the_line_before || line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some((title, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            within = is_it(&title.split_whitespace().collect::<Vec<_>>().join(" "));
            if within {
                found.get_or_insert_with(Vec::new);
            }
        } else if let (true, Some((key, value)), Some(found)) = (within, line.split_once('='), found.as_mut()) {
            found.push((key.trim(), value.trim()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S/+=\n\n[ends]\naws_access_key_id=B\naws_secret_access_key=T\naws_session_token=K==\n";
    const CONFIG: &str = "[default]\nregion = us-east-1\n[profile  ends]\nsso_session=x\n[profile printed]\ns3 =\n  credential_process = /no\ncredential_process = /bin/print --it\n[profile sso]\nsso_session = x\n[sso-session x]\n[other]\ncredential_process=/no\n";

    fn keys(id: &str, secret: &str, token: Option<&str>) -> Profile {
        Profile::Keys(AwsKeys { id: id.into(), secret: secret.into(), token: token.map(str::to_owned) })
    }

    #[test]
    fn a_profile_is_found_in_the_files_as_aws_writes_them() {
        let of = |name: &str| profile(CREDENTIALS, CONFIG, name);
        assert_eq!(of("default"), keys("A", "S/+=", None));
        assert_eq!(of("ends"), keys("B", "T", Some("K==")));
        assert_eq!(of("printed"), Profile::Process("/bin/print --it".into()));
        assert_eq!(of("sso"), Profile::Other);
        for none in ["other", "x", "profile sso", ""] {
            assert_eq!(of(none), Profile::Absent, "{none}");
        }
        assert_eq!(
            profile("", "[default]\naws_access_key_id=A\naws_secret_access_key=S\n", "default"),
            keys("A", "S", None)
        );
    }
}
