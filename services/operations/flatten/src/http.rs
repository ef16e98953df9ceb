//! The venue over HTTP: one request at a time, signed at the moment of sending.

use std::time::Duration;

use mesh_venues::binance::errors::ApiError;
use mesh_venues::binance::format::{Method, Request, Security};
use mesh_venues::binance::sign::{API_KEY_HEADER, Credentials};
use rustls::{ClientConfig, RootCertStore};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// How old a request may be when it arrives.
const RECEIVE_WINDOW_MS: u64 = 5_000;

pub(crate) struct Venue {
    url: String,
    client: reqwest::Client,
    keys: Credentials,
}

impl Venue {
    /// The venue at an address. It trusts the roots that the program carries.
    pub(crate) fn new(url: &str, keys: Credentials) -> Result<Self, String> {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let client = reqwest::Client::builder().timeout(TIMEOUT).tls_backend_preconfigured(tls);
        let client = client.build().map_err(|error| error.to_string())?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client, keys })
    }

    /// Sends a request: the answer's body, or what went wrong and how long the venue asks to wait.
    pub(crate) async fn send(&self, request: &Request, venue_ms: u64) -> Result<Vec<u8>, (ApiError, Option<u64>)> {
        let no_answer = |error: reqwest::Error| (ApiError::no_answer(&error.to_string()), None);
        let url = format!("{}{}", self.url, request.target(&self.keys, venue_ms, Some(RECEIVE_WINDOW_MS)));
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut sent = self.client.request(method, url);
        if request.security != Security::Public {
            sent = sent.header(API_KEY_HEADER, self.keys.api_key());
        }
        // The address holds a signature: it is in no message.
        let mut response = sent.send().await.map_err(|error| no_answer(error.without_url()))?;
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_s = header.and_then(|text| text.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(error.without_url()))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err((ApiError::no_answer("the answer is too large"), None));
            }
        }
        if status == 200 { Ok(body) } else { Err((ApiError::parse(status, &body), retry_after_s)) }
    }
}
