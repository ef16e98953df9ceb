//! Credentials and HMAC-SHA256 signatures.
//!
//! Over HTTP the text that is signed is the query as it is sent, percent-encoded, followed at once by the body. On the
//! WebSocket API it is all parameters but the signature, sorted by name, *not* encoded. Both are lower-case hex.
//!
//! Source: binance-spot-api-docs `rest-api.md` (SIGNED endpoint security; encoding before signing is enforced since
//! 2026-01-15), `web-socket-api.md`. Ed25519 keys, which `session.logon` wants, are not here.

use core::fmt;

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The header that carries the API key.
pub const API_KEY_HEADER: &str = "X-MBX-APIKEY";

/// An API key and its secret. Neither is ever printed.
#[derive(Clone)]
pub struct Credentials {
    api_key: SecretString,
    secret: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([redacted])")
    }
}

impl Credentials {
    /// A key pair.
    pub const fn new(api_key: SecretString, secret: SecretString) -> Self {
        Self { api_key, secret }
    }

    /// The value of [`API_KEY_HEADER`].
    pub fn api_key(&self) -> &str {
        self.api_key.expose_secret()
    }

    /// The signature of a text, lower-case hex.
    pub fn sign(&self, payload: &str) -> String {
        hex::encode(self.mac(payload).finalize().into_bytes())
    }

    /// True where `signature` is that of `payload`; takes the same time wherever it differs.
    pub fn verify(&self, payload: &str, signature: &str) -> bool {
        let mut bytes = [0u8; 32];
        hex::decode_to_slice(signature, &mut bytes).is_ok() && self.mac(payload).verify_slice(&bytes).is_ok()
    }

    /// The signed text of a WebSocket API call, and its signature. `apiKey` is added.
    pub fn sign_socket(&self, parameters: &[(&str, &str)]) -> String {
        let mut sorted: Vec<(&str, &str)> = parameters.to_vec();
        sorted.push(("apiKey", self.api_key()));
        sorted.sort_unstable();
        let pairs: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.sign(&pairs.join("&"))
    }

    fn mac(&self, payload: &str) -> Hmac<Sha256> {
        let key = self.secret.expose_secret().as_bytes();
        // HMAC takes keys of any length; the empty one stands for the case that can't be.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
        mac.update(payload.as_bytes());
        mac
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::binance::format::Query;

    /// The key pair that Binance's documentation prints; no account has it.
    pub(crate) fn documented() -> Credentials {
        Credentials::new(
            "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A".into(),
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j".into(),
        )
    }

    fn order(symbol: &str) -> Query {
        let mut query = Query::new();
        query.push("symbol", symbol).push("side", "BUY").push("type", "LIMIT").push("timeInForce", "GTC");
        query.push("quantity", "1").push("price", "0.1");
        query
    }

    #[test]
    fn the_documentation_s_vectors() {
        let keys = documented();
        let signed = order("LTCBTC").signed(&keys, 1_499_827_319_559, Some(5000));
        assert_eq!(
            signed,
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&\
             timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
        );
        let signed = order("１２３４５６").signed(&keys, 1_499_827_319_559, Some(5000));
        assert!(
            signed.starts_with("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY"),
            "{signed}"
        );
        assert!(
            signed.ends_with("&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
            "{signed}"
        );
        let parameters = [
            ("symbol", "BTCUSDT"),
            ("side", "SELL"),
            ("type", "LIMIT"),
            ("timeInForce", "GTC"),
            ("quantity", "0.01000000"),
            ("price", "52000.00"),
            ("recvWindow", "100"),
            ("timestamp", "1645423376532"),
        ];
        let socket = keys.sign_socket(&parameters);
        assert_eq!(socket, "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24");
    }

    #[test]
    fn signatures_are_verified_and_secrets_are_not_printed() {
        let keys = documented();
        let signature = keys.sign("a=1");
        assert!(keys.verify("a=1", &signature));
        assert!(!keys.verify("a=2", &signature));
        assert!(!keys.verify("a=1", "00") && !keys.verify("a=1", "not hex"));
        assert_eq!(format!("{keys:?}"), "Credentials([redacted])");
    }
}
