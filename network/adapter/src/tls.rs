//! Whom the adapter trusts, and what it says where it does not.

use std::error::Error;
use std::io;
use std::path::Path;

use mesh_runtime::BoxError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The roots that the program carries, so that a machine without certificates of its own reaches the venue too, and those in
/// `extra`: of a proxy that reads along, or of a venue of one's own.
///
/// # Errors
/// When the file can't be read, or holds no certificate.
pub fn config(extra: Option<&Path>) -> Result<ClientConfig, BoxError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra {
        let wrong = |what: String| format!("extra_ca_file: {}: {what}", path.display());
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
        let mut count = 0;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(wrong("expected certificates in PEM, found none".to_owned()).into());
        }
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// An error with all that it was made of, and what to do about a certificate that is not trusted.
pub fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut advice = None;
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        advice = advice.or_else(|| advice_for(error));
        next = inner(error);
    }
    match advice {
        Some(advice) => format!("{text}; {advice}"),
        None => text,
    }
}

/// What an error holds; errors of I/O hide theirs.
fn inner<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    hidden.map(|hidden| hidden as &(dyn Error + 'static)).or_else(|| error.source())
}

fn advice_for(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use rustls::CertificateError as C;
    let Some(rustls::Error::InvalidCertificate(certificate)) = error.downcast_ref() else { return None };
    Some(match certificate {
        C::UnknownIssuer => {
            "nobody whom this program trusts signed the certificate: where that is a proxy of yours, name its root \
             certificate in extra_ca_file; else somebody reads along"
        }
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            "the certificate is not valid now: look at this machine's clock"
        }
        _ => "the certificate is not one for this host: check the address",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_named() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roots.pem");
        assert!(config(None).is_ok());
        let said = |path: &Path| config(Some(path)).expect_err("refused").to_string();
        assert!(said(&path).contains("extra_ca_file") && said(&path).contains("roots.pem"));
        std::fs::write(&path, "no certificate").expect("written");
        assert!(said(&path).contains("found none"), "{}", said(&path));
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
        assert!(said(&path).contains("extra_ca_file"), "{}", said(&path));
    }

    #[test]
    fn a_hidden_cause_is_told_with_what_to_do() {
        let cause = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let text = explain(&io::Error::new(io::ErrorKind::InvalidData, cause));
        assert!(text.contains("UnknownIssuer") && text.contains("extra_ca_file"), "{text}");
        assert_eq!(explain(&io::Error::other("plain")), "plain");
    }
}
