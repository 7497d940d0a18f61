//! Recognises a server by its certificate's fingerprint, because Incus servers use self-signed certificates.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest as _, Sha256};

/// Accepts one certificate, whatever name it has and whoever signed it.
#[derive(Debug)]
pub(crate) struct Pin {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl Pin {
    /// Reads 64 hexadecimal digits, with or without colons between the bytes.
    pub(crate) fn parse(fingerprint: &str, provider: &Arc<CryptoProvider>) -> Option<Self> {
        let digits: Vec<u8> = fingerprint.bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(*pair.first()?).to_digit(16)?;
            let low = char::from(*pair.get(1)?).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self { fingerprint: bytes, provider: Arc::clone(provider) })
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Sha256::digest(end_entity)[..] == self.fingerprint {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    fn accepts(pin: &Pin, certificate: &[u8]) -> bool {
        let name = ServerName::try_from("anything.example").unwrap();
        let certificate = CertificateDer::from(certificate);
        pin.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn only_the_pinned_certificate_is_accepted() {
        // SHA-256 of "abc"
        let pin = Pin::parse("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &provider()).unwrap();
        assert!(accepts(&pin, b"abc"));
        assert!(!accepts(&pin, b"abd"));
    }

    #[test]
    fn colons_between_bytes_are_ignored() {
        let colons = vec!["ab"; 32].join(":");
        assert_eq!(Pin::parse(&colons, &provider()).unwrap().fingerprint, [0xab; 32]);
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        assert!(Pin::parse("", &provider()).is_none());
        assert!(Pin::parse(&"a".repeat(63), &provider()).is_none());
        assert!(Pin::parse(&"g".repeat(64), &provider()).is_none());
    }
}
