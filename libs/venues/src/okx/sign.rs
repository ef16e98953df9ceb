//! Credentials, REST signatures, the socket's login: base64 of HMAC-SHA-256.
//!
//! REST signs time (RFC 3339 with milliseconds), method, path with its query, and body; the login signs Unix seconds and a
//! fixed request. Clocks may differ by 30 s. Source: okx.com/docs-v5, "REST authentication", "WebSocket login".

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::time::rfc3339_ms;

/// An API key, its secret and its passphrase. None is ever printed.
#[derive(Clone)]
pub struct Credentials {
    api_key: SecretString,
    secret: SecretString,
    passphrase: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

impl Credentials {
    /// A key, its secret and its passphrase.
    pub const fn new(api_key: SecretString, secret: SecretString, passphrase: SecretString) -> Self {
        Self { api_key, secret, passphrase }
    }

    /// The signature of a text.
    pub fn sign(&self, prehash: &str) -> String {
        let key = self.secret.expose_secret().as_bytes();
        // HMAC takes keys of any length; the empty one stands for the case that can't be.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(prehash.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// Headers of a REST request: `method` in upper case, `path` with its query, `body` as it is sent.
    pub fn headers(&self, now_ns: u64, method: &str, path: &str, body: &str) -> [(&'static str, String); 4] {
        let timestamp = rfc3339_ms(now_ns);
        let signature = self.sign(&format!("{timestamp}{method}{path}{body}"));
        [
            ("OK-ACCESS-KEY", self.api_key.expose_secret().to_owned()),
            ("OK-ACCESS-SIGN", signature),
            ("OK-ACCESS-TIMESTAMP", timestamp),
            ("OK-ACCESS-PASSPHRASE", self.passphrase.expose_secret().to_owned()),
        ]
    }

    /// The login of a private socket: the first thing that is sent on each new connection.
    pub fn login(&self, now_ns: u64) -> String {
        let timestamp = (now_ns / 1_000_000_000).to_string();
        let signature = self.sign(&format!("{timestamp}GET/users/self/verify"));
        let quoted = |secret: &SecretString| serde_json::Value::from(secret.expose_secret());
        format!(
            "{{\"op\":\"login\",\"args\":[{{\"apiKey\":{},\"passphrase\":{},\"timestamp\":\"{timestamp}\",\"sign\":\"{signature}\"}}]}}",
            quoted(&self.api_key),
            quoted(&self.passphrase),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Credentials {
        Credentials::new("key".into(), secret.into(), "pass\"".into())
    }

    #[test]
    fn the_published_vectors() {
        let ns = 1_607_418_537_715_000_000;
        let [_, sign, time, _] = keys("mysecret").headers(ns, "GET", "/api/v5/account/balance?ccy=BTC", "");
        assert_eq!(sign, ("OK-ACCESS-SIGN", "OkAjRTXqfIRKxx7SRjIowU96vZPkf4n9X2G+8yduCf4=".into()));
        assert_eq!(time, ("OK-ACCESS-TIMESTAMP", "2020-12-08T09:08:57.715Z".into()));
        let [_, sign, ..] =
            keys("22582BD0CFF14C41EDBF1AB98506286D").headers(ns, "GET", "/api/v5/account/balance?ccy=BTC", "");
        assert_eq!(sign.1, "HiZhvSfMtWJA3uUIVXV3a/bSXNPCWvYFXoGCVS8V4zY=");
        let body = r#"{"instId":"BTC-USDT","tdMode":"isolated","side":"buy","ordType":"limit","px":"1","sz":"1"}"#;
        let [_, sign, ..] = keys("mysecret").headers(1_585_398_101_274_000_000, "POST", "/api/v5/trade/order", body);
        assert_eq!(sign.1, "5JgIEfkRBluy4x31t6uitZqzoshK+kWWjq9f597WRqQ=");
        let login = keys("mysecret").login(1_538_054_050_999_999_999);
        assert!(
            login.contains(r#""timestamp":"1538054050","sign":"m+lzVL6siKIpimAa/6y8lHpWZe0SCpehAqymC8Nel0A=""#),
            "{login}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(&login).is_ok(), "quotes are escaped");
        assert_eq!(format!("{:?}", keys("s")), "Credentials([redacted])");
    }
}
