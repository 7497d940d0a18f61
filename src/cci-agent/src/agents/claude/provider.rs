//! Claude Code at Bedrock, at Vertex AI and behind a gateway: the variables that choose one, and the paths that it asks.

use serde_json::Value;

use super::keys::{GATEWAY_VARIABLE, HELPER, KEY_VARIABLE, PLACEHOLDER, is_token};
use crate::provider::{OpenedBy, Provided, Provider, Unfit};

/// The switches.
const BEDROCK: &str = "CLAUDE_CODE_USE_BEDROCK";
const VERTEX: &str = "CLAUDE_CODE_USE_VERTEX";
/// Those that say that somebody else lets requests in.
const NO_AWS: &str = "CLAUDE_CODE_SKIP_BEDROCK_AUTH";
const NO_GOOGLE: &str = "CLAUDE_CODE_SKIP_VERTEX_AUTH";
/// Where each API is.
const BEDROCK_AT: &str = "ANTHROPIC_BEDROCK_BASE_URL";
const VERTEX_AT: &str = "ANTHROPIC_VERTEX_BASE_URL";
const GATEWAY_AT: &str = "ANTHROPIC_BASE_URL";
/// A key for Bedrock alone.
const BEDROCK_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";
/// The regions and the project.
const AWS_REGION: &str = "AWS_REGION";
const VERTEX_REGION: &str = "CLOUD_ML_REGION";
const PROJECT: &str = "ANTHROPIC_VERTEX_PROJECT_ID";
/// What begins the names of variables with the region of one model.
const VERTEX_REGIONS: &str = "VERTEX_REGION_";
/// The setting that names a command that prints AWS credentials.
const EXPORT: &str = "awsCredentialExport";
/// The settings that only the host can use.
pub(super) const OF_THE_HOST: [&str; 4] = [HELPER, EXPORT, "awsAuthRefresh", "gcpAuthRefresh"];
/// What says where the credentials of AWS and Google are.
const OF_AWS: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "HOME",
    "PATH",
];
const OF_GOOGLE: [&str; 4] = ["GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "HOME", "PATH"];
/// What names models: those of a provider have other names.
const MODELS: [&str; 5] = [
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
];

/// The provider that these variables and settings choose, and where its API is.
pub(super) fn provided(
    said: &dyn Fn(&str) -> Option<String>,
    settings: &Value,
) -> Result<Option<(String, Provided)>, Unfit> {
    let said = |name: &str| said(name).filter(|value| !value.is_empty());
    let is_on = |name: &str| said(name).is_some_and(|value| !["0", "false"].contains(&value.as_str()));
    let setting = |name: &str| settings.get(name)?.as_str().map(str::to_owned);
    let token = |variable: &'static str| match said(variable) {
        Some(text) if !is_token(&text) => Err(Unfit { variable, wanted: "a token without spaces" }),
        token => Ok(token),
    };
    let by_others = || token(GATEWAY_VARIABLE).map(|token| token.map_or(OpenedBy::Nothing, OpenedBy::Bearer));
    let login = |names: &[&str], command: Option<String>| OpenedBy::Login {
        variables: names.iter().filter_map(|name| Some(((*name).to_owned(), said(name)?))).collect(),
        command,
    };
    let (api, provider, opened_by) = if is_on(BEDROCK) {
        let region = said(AWS_REGION).or_else(|| said("AWS_DEFAULT_REGION")).unwrap_or("us-east-1".into());
        let region = named(region, AWS_REGION, "the name of a region, as `us-east-1`")?;
        let api = said(BEDROCK_AT).unwrap_or_else(|| format!("https://bedrock-runtime.{region}.amazonaws.com"));
        let opened_by = match token(BEDROCK_KEY)? {
            Some(key) => OpenedBy::Bearer(key),
            None if is_on(NO_AWS) => by_others()?,
            None => login(&OF_AWS, setting(EXPORT)),
        };
        (api, Provider::Bedrock { region }, opened_by)
    } else if is_on(VERTEX) {
        let region = said(VERTEX_REGION).unwrap_or("us-east5".into());
        let region = named(region, VERTEX_REGION, "the name of a region, as `us-east5` or `global`")?;
        let projects = [PROJECT, "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"];
        let project = projects.iter().find_map(|name| said(name)).unwrap_or_default();
        let project = named(project, PROJECT, "the id of a project")?;
        let api = said(VERTEX_AT).unwrap_or_else(|| vertex(&region));
        let opened_by = if is_on(NO_GOOGLE) { by_others()? } else { login(&OF_GOOGLE, None) };
        (api, Provider::Vertex { region, project }, opened_by)
    } else {
        let Some(api) = said(GATEWAY_AT) else { return Ok(None) };
        let (bearer, key) = (token(GATEWAY_VARIABLE)?, token(KEY_VARIABLE)?);
        let by = bearer.map(OpenedBy::Bearer).or(key.map(OpenedBy::Key));
        let Some(opened_by) = by.or_else(|| setting(HELPER).map(OpenedBy::Command)) else { return Ok(None) };
        (api, Provider::Gateway, opened_by)
    };
    let models = MODELS.iter().filter_map(|name| Some(((*name).to_owned(), said(name)?))).collect();
    Ok(Some((api, Provided { provider, opened_by, models })))
}

/// Names of regions and projects stand in addresses.
fn named(text: String, variable: &'static str, wanted: &'static str) -> Result<String, Unfit> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('-');
    if is_name { Ok(text) } else { Err(Unfit { variable, wanted }) }
}

/// Where Vertex AI is: what is no region of its own has other names.
fn vertex(region: &str) -> String {
    match region {
        "global" => "https://aiplatform.googleapis.com/v1".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{region}.rep.googleapis.com/v1"),
        _ => format!("https://{region}-aiplatform.googleapis.com/v1"),
    }
}

/// What the agent finds in its environment: the socket, and placeholders.
pub(super) fn environment(socket: &str, at: String, provided: &Provided) -> Vec<(String, String)> {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut environment = vec![set("ANTHROPIC_UNIX_SOCKET", socket)];
    match &provided.provider {
        Provider::Bedrock { region } => environment.extend([
            set(BEDROCK, "1"),
            set(BEDROCK_AT, &at),
            set(BEDROCK_KEY, PLACEHOLDER),
            set(AWS_REGION, region),
        ]),
        Provider::Vertex { region, project } => environment.extend([
            set(VERTEX, "1"),
            set(VERTEX_AT, &at),
            set(NO_GOOGLE, "1"),
            set(GATEWAY_VARIABLE, PLACEHOLDER),
            set(VERTEX_REGION, region),
            set(PROJECT, project),
        ]),
        Provider::Gateway => {
            let is_bearer = matches!(provided.opened_by, OpenedBy::Bearer(_));
            environment.push((GATEWAY_AT.to_owned(), at));
            environment.push(set(if is_bearer { GATEWAY_VARIABLE } else { KEY_VARIABLE }, PLACEHOLDER));
        }
    }
    environment.extend(provided.models.clone());
    environment
}

/// Whether a variable of the settings says what is said here: a session has it from its launch.
pub(super) fn is_ours(variable: &str) -> bool {
    let own = [BEDROCK_AT, VERTEX_AT, BEDROCK_KEY, NO_AWS, NO_GOOGLE, AWS_REGION, "AWS_DEFAULT_REGION", VERTEX_REGION];
    let secrets = OF_AWS.iter().chain(&OF_GOOGLE).filter(|name| name.starts_with("AWS_") || name.contains("CLOUD"));
    own.contains(&variable)
        || variable == PROJECT
        || variable == OF_GOOGLE[0]
        || variable.starts_with(VERTEX_REGIONS)
        || secrets.into_iter().any(|name| *name == variable)
}

/// Whether a session may ask for this: an answer of a model, in the region and for the project of the person.
pub(super) fn may_ask(provider: &Provider, method: &str, path: &str) -> bool {
    method == "POST"
        && match provider {
            Provider::Bedrock { .. } => {
                let parts = path.strip_prefix("/model/").and_then(|rest| rest.split_once('/'));
                let asks = ["invoke", "invoke-with-response-stream", "count-tokens"];
                parts.is_some_and(|(model, what)| is_model(model) && is_of_anthropic(model) && asks.contains(&what))
            }
            Provider::Vertex { region, project } => {
                let place = format!("/projects/{project}/locations/{region}/publishers/anthropic/models/");
                let parts = path.strip_prefix(&place).and_then(|rest| rest.split_once(':'));
                parts.is_some_and(|(model, what)| is_model(model) && ["rawPredict", "streamRawPredict"].contains(&what))
            }
            Provider::Gateway => false,
        }
}

/// Whether it is the name of a model: what of it is encoded is a colon or a slash, and leads nowhere else.
fn is_model(name: &str) -> bool {
    let plain = name.replace("%3A", ":").replace("%2F", "/").replace("%3a", ":").replace("%2f", "/");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:@/".contains(&byte);
    !name.contains('/')
        && (1..=512).contains(&name.len())
        && plain.bytes().all(is_plain)
        && !plain.split('/').any(|part| ["", ".", ".."].contains(&part))
}

/// Whether a model of Bedrock's is one of the agent's, as far as its name tells: what another takes is not counted.
fn is_of_anthropic(name: &str) -> bool {
    let unnamed = ["application-inference-profile", "provisioned-model"];
    name.contains("anthropic.") || name.starts_with("arn") && unnamed.iter().any(|kind| name.contains(kind))
}

/// Whether the answer to this takes tokens.
pub(super) fn takes_tokens(path: &str) -> bool {
    let ends = ["/invoke", "/invoke-with-response-stream", ":rawPredict", ":streamRawPredict"];
    ends.iter().any(|end| path.ends_with(end)) && !path.contains("/count-tokens:")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn said(pairs: &[(&str, &str)]) -> Result<Option<(String, Provided)>, Unfit> {
        said_with(pairs, &json!({}))
    }

    fn said_with(pairs: &[(&str, &str)], settings: &Value) -> Result<Option<(String, Provided)>, Unfit> {
        let find = |name: &str| pairs.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
        provided(&find, settings)
    }

    fn bedrock() -> Provider {
        Provider::Bedrock { region: "us-east-1".into() }
    }

    fn vertex_of(region: &str) -> Provider {
        Provider::Vertex { region: region.into(), project: "p-1".into() }
    }

    #[test]
    fn a_provider_is_what_the_agents_own_variables_say() {
        assert_eq!(said(&[]), Ok(None));
        assert_eq!(said(&[(BEDROCK, "0"), (VERTEX, "")]), Ok(None));
        assert_eq!(said(&[(GATEWAY_AT, "http://a")]), Ok(None), "an address that nothing opens is the login's");
        let (api, found) = said(&[(BEDROCK, "1"), ("AWS_PROFILE", "work"), ("HOME", "/h")]).unwrap().unwrap();
        assert_eq!(
            (api.as_str(), found.provider.clone()),
            ("https://bedrock-runtime.us-east-1.amazonaws.com", bedrock())
        );
        let variables = BTreeMap::from([("AWS_PROFILE".into(), "work".into()), ("HOME".into(), "/h".into())]);
        assert_eq!(found.opened_by, OpenedBy::Login { variables, command: None });
        let key = said(&[(BEDROCK, "1"), (BEDROCK_KEY, "k"), (AWS_REGION, "eu-west-3"), (MODELS[0], "m")]);
        let (api, found) = key.unwrap().unwrap();
        assert_eq!(
            (api.as_str(), found.opened_by),
            ("https://bedrock-runtime.eu-west-3.amazonaws.com", OpenedBy::Bearer("k".into()))
        );
        assert_eq!(found.models[MODELS[0]], "m");
        let by = |pairs: &[(&str, &str)]| said(pairs).unwrap().unwrap().1.opened_by;
        assert_eq!(by(&[(BEDROCK, "1"), (NO_AWS, "1")]), OpenedBy::Nothing);
        let of_gateway = [(VERTEX, "1"), (PROJECT, "p-1"), (NO_GOOGLE, "1"), (GATEWAY_VARIABLE, "t")];
        assert_eq!(by(&of_gateway), OpenedBy::Bearer("t".into()));
        assert_eq!(by(&[(GATEWAY_AT, "http://a"), (KEY_VARIABLE, "k")]), OpenedBy::Key("k".into()));
        let command = said_with(&[(GATEWAY_AT, "http://a")], &json!({ HELPER: "print" })).unwrap().unwrap();
        assert_eq!(command.1.opened_by, OpenedBy::Command("print".into()));
        for (region, api) in [
            ("us-east5", "https://us-east5-aiplatform.googleapis.com/v1"),
            ("global", "https://aiplatform.googleapis.com/v1"),
            ("eu", "https://aiplatform.eu.rep.googleapis.com/v1"),
        ] {
            let found = said(&[(VERTEX, "1"), (PROJECT, "p-1"), (VERTEX_REGION, region)]).unwrap().unwrap();
            assert_eq!((found.0.as_str(), found.1.provider), (api, vertex_of(region)));
        }
    }

    #[test]
    fn what_is_no_region_no_project_and_no_token_is_refused_by_its_name() {
        for (pairs, variable) in [
            (&[(BEDROCK, "1"), (AWS_REGION, "x.evil.example/")][..], AWS_REGION),
            (&[(VERTEX, "1")], PROJECT),
            (&[(VERTEX, "1"), (PROJECT, "p/../q")], PROJECT),
            (&[(BEDROCK, "1"), (BEDROCK_KEY, "a b")], BEDROCK_KEY),
        ] {
            let found = said(pairs).map_or_else(|unfit| unfit.variable, |_| "");
            assert_eq!(found, variable, "{pairs:?}");
        }
        let shown = format!("{:?}", said(&[(BEDROCK, "1"), (BEDROCK_KEY, "the-key")]));
        assert!(!shown.contains("the-key"), "{shown}");
    }

    #[test]
    fn a_container_gets_placeholders_and_what_the_agent_asks_with() {
        let all = [
            (BEDROCK, "1"),
            (VERTEX, ""),
            (AWS_REGION, "us-east-1"),
            ("AWS_SECRET_ACCESS_KEY", "real"),
            (MODELS[1], "small"),
        ];
        let (_, found) = said(&all).unwrap().unwrap();
        let given = BTreeMap::from_iter(environment("/s", "http://h".into(), &found));
        assert!(!given.values().any(|value| value == "real"), "{given:?}");
        assert_eq!((given[BEDROCK_KEY].as_str(), given[MODELS[1]].as_str()), (PLACEHOLDER, "small"));
        let of_vertex =
            Provided { provider: vertex_of("global"), opened_by: OpenedBy::Nothing, models: BTreeMap::new() };
        let given = BTreeMap::from_iter(environment("/s", "http://h".into(), &of_vertex));
        assert_eq!((given[GATEWAY_VARIABLE].as_str(), given[PROJECT].as_str()), (PLACEHOLDER, "p-1"));
        for name in given.keys().filter(|name| !name.contains("UNIX_SOCKET") && *name != VERTEX) {
            assert!(is_ours(name) || name == GATEWAY_VARIABLE, "{name} would count more where settings have it");
        }
        for name in ["AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS", "VERTEX_REGION_X"] {
            assert!(is_ours(name), "{name}");
        }
        assert!(!is_ours("PATH") && !is_ours("HOME") && !is_ours(MODELS[0]));
    }

    #[test]
    fn only_the_models_of_the_person_are_asked() {
        let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx1";
        for path in [
            "/model/us.anthropic.x-v1:0/invoke-with-response-stream",
            "/model/anthropic.x-v1%3A0/invoke",
            &format!("/model/{arn}/count-tokens"),
        ] {
            assert!(may_ask(&bedrock(), "POST", path), "{path}");
        }
        for path in [
            "/model/anthropic.x/converse",
            "/model/anthropic.x/../y/invoke",
            "/model/anthropic.x%2F..%2F..%2Fguardrail/invoke",
            "/model/..%2Fanthropic.x/invoke",
            "/model/anthropic.a%2F%2Fb/invoke",
            "/model/anthropic.x%00/invoke",
            "/model/anthropic.x%252F/invoke",
            "/model//invoke",
            "/model/anthropic.x/invoke/",
            "/model/amazon.nova-pro-v1:0/invoke",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova/invoke",
            "/async-invoke",
            "/v1/messages",
            "/inference-profiles",
        ] {
            assert!(!may_ask(&bedrock(), "POST", path), "{path}");
        }
        assert!(!may_ask(&bedrock(), "GET", "/model/anthropic.x/invoke"));
        let at = |project: &str, region: &str, rest: &str| {
            format!("/projects/{project}/locations/{region}/publishers/{rest}")
        };
        let vertex = vertex_of("us-east5");
        for rest in ["anthropic/models/x-4@2025:streamRawPredict", "anthropic/models/count-tokens:rawPredict"] {
            assert!(may_ask(&vertex, "POST", &at("p-1", "us-east5", rest)), "{rest}");
        }
        for path in [
            at("p-2", "us-east5", "anthropic/models/x:rawPredict"),
            at("p-1", "us-west1", "anthropic/models/x:rawPredict"),
            at("p-1", "us-east5", "google/models/x:generateContent"),
            at("p-1", "us-east5", "anthropic/models/x:predict"),
            at("p-1", "us-east5", "anthropic/models/../x:rawPredict"),
            at("p-1", "us-east5", "anthropic/models/x:y:rawPredict"),
            "/projects/p-1/locations/us-east5/endpoints".to_owned(),
        ] {
            assert!(!may_ask(&vertex, "POST", &path), "{path}");
        }
        assert!(takes_tokens("/model/x/invoke") && !takes_tokens("/model/x/count-tokens"));
        assert!(takes_tokens(&at("p", "r", "anthropic/models/x:streamRawPredict")));
        assert!(!takes_tokens(&at("p", "r", "anthropic/models/count-tokens:rawPredict")));
    }
}
