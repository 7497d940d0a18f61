//! The images of an image server, read as simplestreams over HTTP: to check whether it answers, and what it has for us.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Client as Http;
use rustls::ClientConfig;
use serde::{Deserialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// How long an image server may take for one file.
const LIMIT: Duration = Duration::from_secs(20);

/// An image server that speaks simplestreams.
#[derive(Debug, Clone)]
pub struct ImageStreams {
    url: String,
    http: Http,
}

/// A series of container images on a server: one distribution, release, variant and architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The server's own name for it.
    pub name: String,
    /// Names to fetch it by: `debian/12`, …
    pub aliases: Vec<String>,
    /// The distribution's name for the architecture: `amd64`, `arm64`, …
    pub architecture: String,
    /// The serial of the newest version that is a container image: `20261121_05:24`.
    pub newest: String,
    /// Bytes to download for it.
    pub size: u64,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    index: BTreeMap<String, IndexEntry>,
}

#[derive(Deserialize)]
struct IndexEntry {
    #[serde(default)]
    datatype: String,
    path: String,
}

#[derive(Deserialize)]
struct Products {
    #[serde(default)]
    products: BTreeMap<String, WireProduct>,
}

#[derive(Deserialize)]
struct WireProduct {
    #[serde(default)]
    aliases: String,
    #[serde(default)]
    arch: String,
    #[serde(default)]
    versions: BTreeMap<String, WireVersion>,
}

#[derive(Deserialize)]
struct WireVersion {
    #[serde(default)]
    items: BTreeMap<String, WireItem>,
}

#[derive(Deserialize)]
struct WireItem {
    #[serde(default)]
    ftype: String,
    #[serde(default)]
    size: u64,
}

impl ImageStreams {
    /// The server at `url`; sends nothing yet. Certificates are checked against the host's own trust store.
    pub fn new(url: &str) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let unusable =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::Unreachable { endpoint: url.clone(), source };
        let tls = tls().map_err(|source| unusable(source.into()))?;
        let http = Http::builder()
            .tls_backend_preconfigured(tls)
            .timeout(LIMIT)
            .build()
            .map_err(|source| unusable(source.into()))?;
        Ok(Self { url, http })
    }

    /// Everything that the server has.
    pub async fn products(&self) -> Result<Vec<Product>> {
        let index: Index = self.get("streams/v1/index.json").await?;
        let mut all = Vec::new();
        for entry in index.index.into_values().filter(|entry| entry.datatype == "image-downloads") {
            let products: Products = self.get(&entry.path).await?;
            all.extend(products.products.into_iter().filter_map(|(name, product)| read(name, product)));
        }
        Ok(all)
    }

    /// The product with this alias for a kernel architecture (`x86_64`, `aarch64`); `None` if the server has none.
    pub async fn find(&self, alias: &str, architecture: &str) -> Result<Option<Product>> {
        let architecture = distribution_name(architecture);
        let has =
            |product: &Product| product.architecture == architecture && product.aliases.iter().any(|a| a == alias);
        Ok(self.products().await?.into_iter().find(has))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let what = format!("read {path} from {}", self.url);
        let answer =
            self.http.get(format!("{}/{path}", self.url)).send().await.map_err(|source| self.failed(source))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Error::Refused { what, code: status.as_u16(), message: format!("HTTP status {status}") });
        }
        let body = answer.bytes().await.map_err(|source| self.failed(source))?;
        serde_json::from_slice(&body).map_err(|source| Error::protocol(what, source))
    }

    fn failed(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { endpoint: self.url.clone(), source: source.without_url().into() }
    }
}

/// The product, if one of its versions can be a container.
fn read(name: String, product: WireProduct) -> Option<Product> {
    let mut newest_first = product.versions.iter().rev();
    let (newest, size) = newest_first.find_map(|(serial, version)| Some((serial.clone(), download_size(version)?)))?;
    let aliases = product.aliases.split(',').map(str::trim);
    let aliases = aliases.filter(|alias| !alias.is_empty()).map(str::to_owned).collect();
    Some(Product { name, aliases, architecture: product.arch, newest, size })
}

/// The download size of a version's container image: one file, or metadata and the root file system that Incus prefers.
fn download_size(version: &WireVersion) -> Option<u64> {
    let of = |ftype: &str| version.items.values().find(|item| item.ftype == ftype).map(|item| item.size);
    let split = || Some(of("incus.tar.xz")?.saturating_add(of("squashfs").or_else(|| of("root.tar.xz"))?));
    of("incus_combined.tar.gz").or_else(split)
}

/// The distributions' name for a kernel architecture.
fn distribution_name(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i686" => "i386",
        "armv7l" => "armhf",
        "ppc64le" => "ppc64el",
        other => other,
    }
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?;
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::near::mutated;
    use proptest::prelude::*;

    const PRODUCTS: &str = r#"{"content_id":"images","datatype":"image-downloads","format":"products:1.0","products":{
        "debian:bookworm:amd64:default":{"aliases":"debian/bookworm,debian/12","arch":"amd64","os":"Debian",
            "versions":{
                "20261120_05:24":{"items":{"a":{"ftype":"incus.tar.xz","size":1},"b":{"ftype":"squashfs","size":20},
                    "c":{"ftype":"root.tar.xz","size":300}}},
                "20261121_05:24":{"items":{"a":{"ftype":"incus.tar.xz","size":1},"b":{"ftype":"disk-kvm.img"}}}}}}}"#;

    fn good() -> serde_json::Value {
        let products: serde_json::Value = serde_json::from_str(PRODUCTS).unwrap();
        products["products"]["debian:bookworm:amd64:default"].clone()
    }

    #[test]
    fn a_product_has_its_aliases_and_its_newest_container() {
        let products: Products = serde_json::from_str(PRODUCTS).unwrap();
        let (name, product) = products.products.into_iter().next().unwrap();
        let product = read(name, product).unwrap();
        assert_eq!(product.aliases, ["debian/bookworm", "debian/12"]);
        assert_eq!(product.size, 21);
        assert_eq!((product.architecture.as_str(), product.newest.as_str()), ("amd64", "20261120_05:24"));
    }

    #[test]
    fn a_product_without_a_container_is_left_out() {
        let product = r#"{"versions":{"1":{"items":{"a":{"ftype":"incus.tar.xz"},"b":{"ftype":"disk-kvm.img"}}}}}"#;
        assert_eq!(read("p".into(), serde_json::from_str(product).unwrap()), None);
    }

    #[test]
    fn architectures_have_two_names() {
        assert_eq!(distribution_name("x86_64"), "amd64");
        assert_eq!(distribution_name("riscv64"), "riscv64");
    }

    proptest! {
        #[test]
        fn a_product_that_is_wrong_leaves_the_others_as_they_are(products in mutated(PRODUCTS)) {
            let amiss = &products["products"]["debian:bookworm:amd64:default"];
            let both = serde_json::json!({"products": {"amiss": amiss, "good": good()}});
            if let Ok(both) = serde_json::from_value::<Products>(both) {
                let read: Vec<Product> = both.products.into_iter().filter_map(|(name, one)| read(name, one)).collect();
                let good = read.iter().find(|product| product.name == "good").unwrap();
                prop_assert_eq!((good.size, good.newest.as_str()), (21, "20261120_05:24"));
                let versions = amiss["versions"].as_object();
                let is_listed = |product: &Product| {
                    product.name == "good" || versions.is_some_and(|all| all.contains_key(&product.newest))
                };
                prop_assert!(read.iter().all(is_listed), "{read:?}");
            }
        }
    }
}
