//! The proxy that the environment names, as other programs take it: `HTTPS_PROXY` or `ALL_PROXY`, except for hosts in `NO_PROXY`
//! and for this machine itself. Only `http://` proxies; lower-case names do as well.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::Uri;

/// The longest answer to a CONNECT that is read.
const MAX_ANSWER_BYTES: usize = 8 << 10;
/// From connecting to the proxy's answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// `http://[user:password@]host:port`.
    pub url: String,
    address: String,
    authorization: Option<String>,
}

/// Host and port that a URL names.
fn place(url: &str) -> Result<(String, u16), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    let host = uri.host().ok_or_else(|| format!("{url:?} names no host"))?;
    let port = match uri.scheme_str() {
        Some("https" | "wss") => 443,
        _ => 80,
    };
    Ok((host.to_owned(), uri.port_u16().unwrap_or(port)))
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Whether `NO_PROXY` has the host, or a domain above it.
fn is_exempt(host: &str, list: &str) -> bool {
    list.split(',').map(|entry| entry.trim().trim_start_matches('.')).filter(|entry| !entry.is_empty()).any(|entry| {
        entry == "*" || host == entry || host.strip_suffix(entry).is_some_and(|above| above.ends_with('.'))
    })
}

/// The proxy on the way to `url`, as `environment` says.
///
/// # Errors
/// When it names one that can't be used.
pub fn on_the_way(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let variable = |name: &str| {
        let either = environment(name).or_else(|| environment(&name.to_lowercase()));
        either.filter(|value| !value.is_empty())
    };
    let (host, _) = place(url)?;
    if is_here(&host) || variable("NO_PROXY").is_some_and(|list| is_exempt(&host, &list)) {
        return Ok(None);
    }
    let named = ["HTTPS_PROXY", "ALL_PROXY"].iter().find_map(|name| Some((*name, variable(name)?)));
    let Some((name, value)) = named else { return Ok(None) };
    let url = if value.contains("://") { value } else { format!("http://{value}") };
    let wrong = |what: String| format!("{name}: expected http://HOST:PORT, {what}");
    let rest = url.strip_prefix("http://").ok_or_else(|| wrong(format!("found {url:?}")))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (login, address) = authority.rsplit_once('@').map_or((None, authority), |(login, a)| (Some(login), a));
    let (host, port) = place(&format!("http://{address}")).map_err(wrong)?;
    let authorization = login.map(|login| STANDARD.encode(login));
    Ok(Some(Proxy { address: format!("{host}:{port}"), url, authorization }))
}

impl Proxy {
    /// A connection to the host of `url` through this proxy.
    ///
    /// # Errors
    /// When the proxy can't be reached, refuses, or does not answer in time.
    pub async fn connect(&self, url: &str) -> Result<TcpStream, String> {
        let (host, port) = place(url)?;
        let target = format!("{host}:{port}");
        match tokio::time::timeout(TIMEOUT, self.open(&target)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(reason)) => Err(format!("the proxy {} on the way to {target}: {reason}", self.address)),
            Err(_) => Err(format!("the proxy {} on the way to {target} does not answer", self.address)),
        }
    }

    async fn open(&self, target: &str) -> Result<TcpStream, String> {
        let mut stream = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
        let login = self.authorization.as_ref().map(|login| format!("Proxy-Authorization: Basic {login}\r\n"));
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n", login.unwrap_or_default());
        stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        // Byte by byte: what follows the answer is the host's.
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = stream.read_u8().await.map_err(|_| "it hung up".to_owned())?;
            answer.push(byte);
            if answer.len() > MAX_ANSWER_BYTES {
                return Err(format!("an answer of more than {MAX_ANSWER_BYTES} bytes"));
            }
        }
        let text = String::from_utf8_lossy(&answer);
        let status = text.lines().next().unwrap_or_default().to_owned();
        match status.split(' ').nth(1) {
            Some("200") => Ok(stream),
            _ => Err(format!("it answered {status:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str, environment: &[(&str, &str)]) -> Result<Option<Proxy>, String> {
        on_the_way(url, |name| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    fn address(url: &str, environment: &[(&str, &str)]) -> Option<String> {
        found(url, environment).expect("usable").map(|proxy| proxy.address)
    }

    #[test]
    fn the_environment_names_the_proxy_and_its_exceptions() {
        let venue = "wss://stream.binance.com:9443";
        assert_eq!(address(venue, &[]), None);
        assert_eq!(address(venue, &[("HTTPS_PROXY", "")]), None);
        assert_eq!(address(venue, &[("https_proxy", "http://p:3128/")]).as_deref(), Some("p:3128"));
        assert_eq!(address(venue, &[("ALL_PROXY", "p:8080")]).as_deref(), Some("p:8080"));
        let both = [("HTTPS_PROXY", "http://p"), ("ALL_PROXY", "http://q")];
        assert_eq!(address(venue, &both).as_deref(), Some("p:80"));
        for exempt in ["*", "binance.com", ".binance.com, other", "stream.binance.com"] {
            assert_eq!(address(venue, &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", exempt)]), None, "{exempt}");
        }
        for other in ["ance.com", "com.binance", ""] {
            assert!(address(venue, &[("HTTPS_PROXY", "http://p"), ("NO_PROXY", other)]).is_some(), "{other}");
        }
    }

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        for url in ["http://127.0.0.1:17601", "ws://localhost:1", "wss://[::1]:7"] {
            assert_eq!(address(url, &[("HTTPS_PROXY", "http://p"), ("ALL_PROXY", "http://p")]), None, "{url}");
        }
    }

    #[test]
    fn a_login_is_sent_and_what_is_no_http_proxy_is_refused() {
        let proxy = found("https://a.b", &[("HTTPS_PROXY", "http://me:se%40cret@p:1")]).expect("usable").expect("one");
        assert_eq!(proxy.authorization.as_deref(), Some(STANDARD.encode("me:se%40cret").as_str()));
        let error = found("https://a.b", &[("ALL_PROXY", "socks5://p:1080")]).expect_err("refused");
        assert!(error.contains("ALL_PROXY") && error.contains("socks5://p:1080"), "{error}");
    }
}
