//! The user's own authority: it vouches, to this user's containers and to nobody else, for the names whose TLS is ended so
//! that requests can carry secrets. Its key is in no container.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cci_core::{Error, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber,
};

use crate::store::directory::Directory;
use crate::store::put::{self, PRIVATE, host};

/// Where it is in `~/.cci`.
const PLACE: &str = "authority";
/// The file with its key and its certificate.
const FILE: &str = "authority.pem";
/// No such file is larger.
const LARGEST: u64 = 64 * 1024;
/// What every one is called: containers have a link that is named after the hash of this ([`cci_guest::trust`]).
const NAME: &str = "cci: secrets over TLS";
/// What begins a certificate.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// A clock in a container or on a server may be behind.
const BEFORE: Duration = Duration::from_secs(24 * 3600);
/// How long it lasts.
const LASTS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long a certificate of it lasts.
pub const LEAF_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// It.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate for one name, and its key, as programs read them.
pub struct Leaf {
    /// The certificate.
    pub certificate: Vec<u8>,
    /// The key, in PKCS #8.
    pub key: Vec<u8>,
}

impl Authority {
    /// The one of this `~/.cci`; it is made where there is none.
    pub fn of(cci_dir: &Path) -> Result<Self> {
        let path = cci_dir.join(PLACE).join(FILE);
        let directory = Directory::made(cci_dir, Path::new(PLACE)).map_err(host("create", &cci_dir.join(PLACE)))?;
        // two that find none make one
        directory.lock().map_err(host("lock", &cci_dir.join(PLACE)))?;
        if let Some(kept) = Self::read(directory.open(FILE), &path)? {
            return Ok(kept);
        }
        let text = made().map_err(failed("make", &path))?;
        put::atomically(&directory.path().join(FILE), text.as_bytes(), PRIVATE)?;
        Self::of_text(&text).ok_or_else(|| unknown(&path))
    }

    /// The one of this `~/.cci`, if there is one.
    pub fn kept(cci_dir: &Path) -> Result<Option<Self>> {
        let opened = Directory::kept(cci_dir, Path::new(PLACE)).and_then(|directory| directory.open(FILE));
        Self::read(opened, &cci_dir.join(PLACE).join(FILE))
    }

    fn read(opened: io::Result<File>, path: &Path) -> Result<Option<Self>> {
        let mut text = String::new();
        match opened {
            Ok(file) => file.take(LARGEST).read_to_string(&mut text).map_err(host("read", path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(host("read", path)(error)),
        };
        Self::of_text(&text).map(Some).ok_or_else(|| unknown(path))
    }

    fn of_text(text: &str) -> Option<Self> {
        let (key, certificate) = text.split_at(text.find(CERTIFICATE)?);
        let key = KeyPair::from_pem(key).ok()?;
        Some(Self { issuer: Issuer::new(params().ok()?, key), certificate: certificate.to_owned() })
    }

    /// Its certificate, for whoever is to trust it.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for exactly this name, with a key of its own.
    pub fn leaf(&self, name: &str) -> Result<Leaf> {
        self.signed(name).map_err(failed("vouch for", Path::new(name)))
    }

    fn signed(&self, name: &str) -> std::result::Result<Leaf, rcgen::Error> {
        let mut leaf = lasting(CertificateParams::new(vec![name.to_owned()])?, LEAF_LASTS);
        leaf.distinguished_name = called("cci");
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // by which Python finds who signed it, and asks for
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &self.issuer)?.der().to_vec();
        Ok(Leaf { certificate, key: key.serialize_der() })
    }
}

/// The file of a new one.
fn made() -> std::result::Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let certificate = params()?.self_signed(&key)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

fn params() -> std::result::Result<CertificateParams, rcgen::Error> {
    let mut params = lasting(CertificateParams::new(Vec::new())?, LASTS);
    params.distinguished_name = called(NAME);
    // it vouches for names, and for no other authority
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn lasting(mut params: CertificateParams, lasts: Duration) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + lasts).into();
    params.serial_number = Some(SerialNumber::from(uuid::Uuid::new_v4().as_u64_pair().0 >> 1));
    params
}

fn unknown(path: &Path) -> Error {
    let problem = "it is no authority of cci's; without the file, a new one is made";
    host("read", path)(io::Error::new(io::ErrorKind::InvalidData, problem))
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(rcgen::Error) -> Error {
    let path = path.to_owned();
    move |error| host(step, &path)(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn openssl(args: &[&str], input: &Path) -> String {
        let out = Command::new("openssl").args(args).arg(input).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    }

    #[test]
    fn it_is_made_once_for_this_user_only_and_vouches_for_one_name() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::of(dir.path()).unwrap();
        let again = Authority::of(dir.path()).unwrap();
        assert_eq!(again.certificate(), authority.certificate());
        let kept = dir.path().join(PLACE).join(FILE);
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!authority.certificate().contains("PRIVATE"));
        let (root, leaf) = (dir.path().join("root.pem"), dir.path().join("leaf.der"));
        std::fs::write(&root, authority.certificate()).unwrap();
        // the one that was read signs like the one that was made
        std::fs::write(&leaf, again.leaf("api.example.com").unwrap().certificate).unwrap();
        let trusted = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root.to_str().unwrap()];
        for (name, verified) in [("api.example.com", true), ("example.com", false), ("b.api.example.com", false)] {
            let said = openssl(&[&trusted[..], &["-verify_hostname", name]].concat(), &leaf);
            assert_eq!(said.trim_end().ends_with(": OK"), verified, "{name}: {said}");
        }
        let hash = openssl(&["x509", "-noout", "-subject_hash", "-in"], &root);
        assert_eq!(hash.trim(), cci_guest::trust::HASH);
        let text = openssl(&["x509", "-noout", "-text", "-in"], &root);
        for is_there in ["CA:TRUE, pathlen:0", "Subject Key Identifier", "Certificate Sign"] {
            assert!(text.contains(is_there), "{text}");
        }
    }

    #[test]
    fn a_leaf_is_good_where_the_clock_is_a_day_behind_and_for_a_week() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::of(dir.path()).unwrap();
        let (root, leaf) = (dir.path().join("root.pem"), dir.path().join("leaf.der"));
        std::fs::write(&root, authority.certificate()).unwrap();
        std::fs::write(&leaf, authority.leaf("api.example.com").unwrap().certificate).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let (hour, day) = (3600, 24 * 3600);
        for (at, is_good) in [
            (now - day + hour, true),
            (now - day - hour, false),
            (now + LEAF_LASTS.as_secs() - hour, true),
            (now + LEAF_LASTS.as_secs() + hour, false),
        ] {
            let args = ["verify", "-attime", &at.to_string(), "-CAfile", root.to_str().unwrap()];
            let said = openssl(&args, &leaf);
            assert_eq!(said.trim_end().ends_with(": OK"), is_good, "{said}");
        }
    }

    #[test]
    fn one_that_is_not_there_is_none_and_not_made() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Authority::kept(dir.path()).unwrap().is_none());
        assert!(!dir.path().join(PLACE).exists());
        let made = Authority::of(dir.path()).unwrap();
        assert_eq!(Authority::kept(dir.path()).unwrap().unwrap().certificate(), made.certificate());
        std::fs::remove_file(dir.path().join(PLACE).join(FILE)).unwrap();
        assert!(Authority::kept(dir.path()).unwrap().is_none());
        assert_ne!(Authority::of(dir.path()).unwrap().certificate(), made.certificate(), "another one");
    }

    #[test]
    fn what_is_none_is_told_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Authority::of(dir.path()).unwrap();
        let kept = dir.path().join(PLACE).join(FILE);
        std::fs::write(&kept, "something else").unwrap();
        let told = Authority::of(dir.path()).err().unwrap().to_string();
        assert!(told.contains("authority.pem"), "{told}");
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "something else");
    }
}
