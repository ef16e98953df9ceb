//! Credentials, signatures and nonces.
//!
//! - Spot REST: `API-Sign` is base64 of HMAC-SHA-512, keyed with the decoded secret, of the path and SHA-256 of nonce and
//!   body. The body is exactly what is sent, form or JSON, and holds the nonce too.
//! - WebSocket v2 is not signed: private requests carry a token of `POST /0/private/GetWebSocketsToken`, which must be used
//!   within 15 minutes, and is fetched anew for each connection.
//! - Futures REST: `Authent` is base64 of HMAC-SHA-512 of SHA-256 of body, nonce and path (without `/derivatives`); futures'
//!   WebSocket signs a challenge the same way.
//!
//! Source: docs.kraken.com "Authentication", "Futures REST", "Futures WebSockets".

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256, Sha512};

/// The header with the key, and the one with the signature.
pub const HEADERS: [&str; 2] = ["API-Key", "API-Sign"];
/// Path of the request for a WebSocket token.
pub const TOKEN_PATH: &str = "/0/private/GetWebSocketsToken";

/// An API key and its secret. Neither is ever printed.
pub struct Credentials {
    api_key: SecretString,
    secret: SecretBox<Vec<u8>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

impl Credentials {
    /// A key pair; `None` where the secret is not base64.
    pub fn new(api_key: SecretString, secret: &SecretString) -> Option<Self> {
        let secret = STANDARD.decode(secret.expose_secret()).ok()?;
        Some(Self { api_key, secret: SecretBox::new(Box::new(secret)) })
    }

    /// The key.
    pub fn api_key(&self) -> &str {
        self.api_key.expose_secret()
    }

    /// `API-Sign` of a spot request: `path` with its query, `body` as it is sent.
    pub fn sign(&self, path: &str, nonce: u64, body: &str) -> String {
        let digest = Sha256::new().chain_update(nonce.to_string()).chain_update(body).finalize();
        self.mac(&[path.as_bytes(), &digest])
    }

    /// `Authent` of a futures request: `path` without `/derivatives`.
    pub fn sign_futures(&self, path: &str, nonce: &str, body: &str) -> String {
        let digest = Sha256::new().chain_update(body).chain_update(nonce).chain_update(path).finalize();
        self.mac(&[&digest])
    }

    /// The signature of a challenge of futures' WebSocket.
    pub fn sign_challenge(&self, challenge: &str) -> String {
        self.mac(&[&Sha256::digest(challenge)])
    }

    fn mac(&self, parts: &[&[u8]]) -> String {
        let key = self.secret.expose_secret();
        // HMAC takes keys of any length; the empty one stands for the case that can't be.
        let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        parts.iter().for_each(|part| mac.update(part));
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// Nonces of one key: each greater than the one before, whatever the clock does. In microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nonces {
    last: u64,
}

impl Nonces {
    /// Nonces after `last`, as it was kept when the process ended.
    pub const fn after(last: u64) -> Self {
        Self { last }
    }

    /// The next one.
    pub fn next(&mut self, now_ns: u64) -> u64 {
        self.last = (now_ns / 1_000).max(self.last.saturating_add(1));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
    const FUTURES: &str = "7zxMEF5p/Z8l2p2U7Ghv6x14Af+Fx+92tPgUdVQ748FOIrEoT9bgT+bTRfXc5pz8na+hL/QdrCVG7bh9KpT0eMTm";

    fn keys(secret: &str) -> Credentials {
        Credentials::new("key".into(), &secret.into()).expect("base64")
    }

    #[test]
    fn the_documentation_s_vectors() {
        let body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
        assert_eq!(
            keys(SECRET).sign("/0/private/AddOrder", 1_616_492_376_594, body),
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
        );
        let json = r#"{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#;
        assert_eq!(
            keys(SECRET).sign("/0/private/AddOrder", 1_616_492_376_594, json),
            "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg=="
        );
    }

    #[test]
    fn futures_vectors() {
        let body = "orderType=lmt&symbol=PI_XBTUSD&side=buy&size=100&limitPrice=50000.5&cliOrdId=abc";
        assert_eq!(
            keys(FUTURES).sign_futures("/api/v3/sendorder", "1700000000000", body),
            "NyjeZarbdvVdKZV0CvxkzwEiLz7ye/8sImU1/SOdf03MLo0U2aHBHF9uK89nOK5m9nD/G8bBg83h68CsKwmXaQ=="
        );
        assert_eq!(
            keys(FUTURES).sign_challenge("c100b894-1729-464d-ace1-52dbce11db42"),
            "4JEpF3ix66GA2B+ooK128Ift4XQVtc137N9yeg4Kqsn9PI0Kpzbysl9M1IeCEdjg0zl00wkVqcsnG4bmnlMb3A=="
        );
    }

    #[test]
    fn secrets_are_not_printed_and_nonces_only_grow() {
        assert_eq!(format!("{:?}", keys(SECRET)), "Credentials([redacted])");
        assert!(Credentials::new("key".into(), &"not base64!".into()).is_none());
        let mut nonces = Nonces::after(5);
        assert_eq!([nonces.next(1_000), nonces.next(9_000), nonces.next(9_100), nonces.next(0)], [6, 9, 10, 11]);
    }
}
