//! `sign`: a request with its time or nonce and a test key, to what would be sent.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use clap::Args;
use mesh_types::Venue;
use mesh_venues::binance::format::Query;
use mesh_venues::hyperliquid::sign::{self as hyperliquid, Network, Value as Field};
use mesh_venues::json::Scanner;
use mesh_venues::time::parse_rfc3339;
use mesh_venues::{binance, kraken, okx};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Failure;

/// Bytes of a request that are read.
const MAX_REQUEST: u64 = 1 << 20;

/// `venue sign`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct SignOptions {
    /// binance, kraken, okx or hyperliquid
    #[arg(long)]
    venue: Venue,
}

const HELP: &str = r#"The request, one JSON object on standard input (numbers may be texts too):
  binance      secret, api_key; query, or params (an object, kept in order) with timestamp, recv_window;
               body; "socket": true signs params as the WebSocket API does
  kraken       secret (base64), api_key, path, nonce, body (text, or an object that is sent as JSON);
               "market": "futures" signs for futures, challenge signs futures' WebSocket challenge
  okx          secret, api_key, passphrase, timestamp (RFC 3339, or Unix s, ms or ns), method, path, body;
               "login": true for the WebSocket; or prehash
  hyperliquid  private_key, action, nonce, vault_address, expires_after, network (mainnet, testnet);
               or primary_type, fields ([{"name","type"}]), message, signature_chain_id
Use test keys: what is written here is on a disk.
Exit codes: 0 done, 2 wrong usage or unreadable input."#;

type Signed = Result<Value, String>;

/// Runs the command.
pub(crate) fn sign(options: &SignOptions) -> Result<(), Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_REQUEST).read_to_string(&mut text);
    read.map_err(|error| Failure::Usage(format!("the request can't be read: {error}")))?;
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("the request is no JSON object: {error}")))?;
    let request = Request(fields);
    let signed = match options.venue {
        Venue::Binance => sign_binance(&request),
        Venue::Kraken => sign_kraken(&request),
        Venue::Okx => sign_okx(&request),
        Venue::Hyperliquid => sign_hyperliquid(&request),
        venue => Err(format!("--venue {venue}: expected binance, kraken, okx or hyperliquid")),
    };
    let signed = signed.map_err(Failure::Usage)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{signed}")?;
    out.flush()?;
    Ok(())
}

/// The fields of a request, values as they were written.
struct Request(BTreeMap<String, Box<RawValue>>);

impl Request {
    /// The first of these fields that is there and not null.
    fn raw(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(*name)).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// What it says: of a text its content, of another value its JSON.
    fn find(&self, names: &[&str]) -> Option<String> {
        let raw = self.raw(names)?;
        Some(serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned()))
    }

    fn need(&self, names: &[&str]) -> Result<String, String> {
        self.find(names).ok_or_else(|| format!("the field {:?} is missing", names.first().copied().unwrap_or_default()))
    }

    fn or_empty(&self, names: &[&str]) -> String {
        self.find(names).unwrap_or_default()
    }

    fn number(&self, names: &[&str]) -> Result<Option<u64>, String> {
        let Some(text) = self.find(names) else { return Ok(None) };
        let name = names.first().copied().unwrap_or_default();
        text.parse().map(Some).map_err(|_| format!("{name:?} is {text:?}: expected a whole number"))
    }

    fn needed_number(&self, names: &[&str]) -> Result<u64, String> {
        self.need(names)?;
        self.number(names)?.ok_or_else(String::new)
    }

    fn flag(&self, name: &str) -> bool {
        self.raw(&[name]) == Some("true")
    }

    /// The names and values of an object, in its order.
    fn pairs(&self, names: &[&str]) -> Result<Vec<(String, String)>, String> {
        let Some(raw) = self.raw(names) else { return Ok(Vec::new()) };
        let mut pairs = Vec::new();
        let read = Scanner::new(raw.as_bytes()).object(|s, key| {
            let value = String::from_utf8_lossy(s.skip()?).into_owned();
            let value = serde_json::from_str::<String>(&value).unwrap_or(value);
            pairs.push((String::from_utf8_lossy(key).into_owned(), value));
            Ok(())
        });
        read.map(|()| pairs).map_err(|error| error.to_string())
    }
}

const SECRET: &[&str] = &["secret", "secret_base64", "api_secret", "apiSecret", "secret_key"];
const API_KEY: &[&str] = &["api_key", "apiKey", "key"];
const PATH: &[&str] = &["path", "uri_path", "url_path", "request_path", "requestPath", "endpoint"];
const BODY: &[&str] = &["body", "post_data", "postData", "data"];
const PARAMS: &[&str] = &["params", "parameters"];
const TIMESTAMP: &[&str] = &["timestamp", "time_ms", "ts"];

fn sign_binance(request: &Request) -> Signed {
    let api_key = request.or_empty(API_KEY);
    let keys = binance::sign::Credentials::new(api_key.clone().into(), request.need(SECRET)?.into());
    let (timestamp, recv_window) = (request.number(TIMESTAMP)?, request.number(&["recv_window", "recvWindow"])?);
    let query_in_params = request.raw(PARAMS).is_some_and(|raw| raw.starts_with('"'));
    let params = if query_in_params { Vec::new() } else { request.pairs(PARAMS)? };
    let headers = json!({ binance::sign::API_KEY_HEADER: api_key });
    if request.flag("socket") {
        let pairs: Vec<(&str, &str)> = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        return Ok(json!({ "venue": "binance", "signature": keys.sign_socket(&pairs) }));
    }
    let body = request.or_empty(BODY);
    let unsigned = request.find(&["query", "payload", "query_string"]);
    let unsigned = unsigned.or_else(|| request.find(PARAMS).filter(|_| query_in_params));
    let query = match (unsigned, timestamp) {
        // As it is: the signature goes behind it.
        (Some(query), _) => {
            let signature = keys.sign(&format!("{query}{body}"));
            let joint = if query.is_empty() { "" } else { "&" };
            format!("{query}{joint}signature={signature}")
        }
        (None, Some(timestamp)) => {
            let mut query = Query::new();
            for (name, value) in &params {
                query.push(name, value);
            }
            query.signed(&keys, timestamp, recv_window)
        }
        (None, None) => return Err("expected \"query\", or \"params\" with \"timestamp\"".into()),
    };
    let signature = query.rsplit("signature=").next().unwrap_or_default().to_owned();
    Ok(json!({ "venue": "binance", "headers": headers, "query": query, "body": body, "signature": signature }))
}

fn sign_kraken(request: &Request) -> Signed {
    let api_key = request.or_empty(API_KEY);
    let secret = request.need(SECRET)?.into();
    let keys = kraken::sign::Credentials::new(api_key.clone().into(), &secret).ok_or("the secret is not base64")?;
    if let Some(challenge) = request.find(&["challenge"]) {
        let signature = keys.sign_challenge(&challenge);
        return Ok(json!({ "venue": "kraken", "challenge": challenge, "signature": signature }));
    }
    let (path, body) = (request.need(PATH)?, request.or_empty(BODY));
    if request.find(&["market"]).as_deref() == Some("futures") {
        let nonce = request.or_empty(&["nonce"]);
        let signature = keys.sign_futures(&path, &nonce, &body);
        let headers = json!({ "APIKey": api_key, "Authent": signature, "Nonce": nonce });
        return Ok(
            json!({ "venue": "kraken", "path": path, "headers": headers, "body": body, "signature": signature }),
        );
    }
    let signature = keys.sign(&path, request.needed_number(&["nonce"])?, &body);
    let [key_header, sign_header] = kraken::sign::HEADERS;
    let headers = json!({ key_header: api_key, sign_header: signature });
    Ok(json!({ "venue": "kraken", "path": path, "headers": headers, "body": body, "signature": signature }))
}

fn sign_okx(request: &Request) -> Signed {
    let (api_key, passphrase) = (request.or_empty(API_KEY), request.or_empty(&["passphrase"]));
    let keys = okx::sign::Credentials::new(api_key.into(), request.need(SECRET)?.into(), passphrase.into());
    if let Some(prehash) = request.find(&["prehash"]) {
        return Ok(json!({ "venue": "okx", "prehash": prehash, "signature": keys.sign(&prehash) }));
    }
    let timestamp = request.need(TIMESTAMP)?;
    let now_ns = time_ns(&timestamp)
        .ok_or_else(|| format!("\"timestamp\" is {timestamp:?}: expected RFC 3339, or Unix seconds, ms or ns"))?;
    let is_login = request.find(PATH).as_deref() == Some("/users/self/verify");
    if is_login || request.flag("login") {
        let frame = keys.login(now_ns);
        let login: Value = serde_json::from_str(&frame).map_err(|error| error.to_string())?;
        let signature = login["args"][0]["sign"].clone();
        return Ok(json!({ "venue": "okx", "frame": frame, "signature": signature }));
    }
    let (path, body) = (request.need(PATH)?, request.or_empty(BODY));
    let usual = if body.is_empty() { "GET" } else { "POST" };
    let method = request.find(&["method"]).unwrap_or_else(|| usual.to_owned()).to_uppercase();
    let headers = keys.headers(now_ns, &method, &path, &body);
    let signature = headers.iter().find(|(name, _)| *name == "OK-ACCESS-SIGN").map(|(_, value)| value.clone());
    let headers: BTreeMap<&str, String> = headers.into_iter().collect();
    Ok(json!({
        "venue": "okx", "method": method, "path": path, "headers": headers, "body": body, "signature": signature,
    }))
}

/// A time in RFC 3339, or a number whose size says its unit.
fn time_ns(text: &str) -> Option<u64> {
    let Ok(number) = text.parse::<u64>() else { return parse_rfc3339(text.as_bytes()) };
    let unit = match number {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        _ => 1,
    };
    number.checked_mul(unit)
}

fn sign_hyperliquid(request: &Request) -> Signed {
    let key = hyperliquid::Key::parse(&request.need(&["private_key", "privateKey", "key", "secret"])?);
    let key = key.ok_or("the private key is no 64 hex digits of a valid key")?;
    let address = format!("0x{}", hex::encode(key.address()));
    if request.raw(&["primary_type", "primaryType"]).is_some() {
        return sign_user_action(request, &key, &address);
    }
    let json = request.raw(&["action"]).ok_or("the field \"action\" is missing")?;
    let vault = request.find(&["vault_address", "vaultAddress", "vault"]);
    let vault =
        vault.map(|text| hyperliquid::parse_address(&text).ok_or(format!("{text:?} is no address"))).transpose()?;
    let action = hyperliquid::Action {
        json: json.as_bytes(),
        nonce: request.needed_number(&["nonce"])?,
        vault,
        expires_after: request.number(&["expires_after", "expiresAfter"])?,
    };
    let other_network = request.raw(&["is_mainnet", "isMainnet"]) == Some("false") || request.flag("testnet");
    let network = match request.find(&["network"]).as_deref() {
        None if other_network => Network::Testnet,
        None | Some("mainnet" | "Mainnet") => Network::Mainnet,
        Some("testnet" | "Testnet") => Network::Testnet,
        Some(other) => return Err(format!("\"network\" is {other:?}: expected mainnet or testnet")),
    };
    let wrong = |error: mesh_venues::json::JsonError| format!("the action: {error}");
    let (hash, digest) = (action.hash().map_err(wrong)?, action.digest(network).map_err(wrong)?);
    let signature = key.sign(&digest).ok_or("this digest can't be signed")?;
    let packed = mesh_venues::hyperliquid::msgpack::from_json(action.json).map_err(wrong)?;
    Ok(json!({
        "venue": "hyperliquid",
        "address": address,
        "msgpack": hex::encode(packed),
        "action_hash": format!("0x{}", hex::encode(hash)),
        "digest": format!("0x{}", hex::encode(digest)),
        "signature": signature_json(&signature),
        "body": mesh_venues::hyperliquid::format::request(&action, &signature),
    }))
}

fn signature_json(signature: &hyperliquid::Signature) -> Value {
    let half = |half: [u8; 32]| format!("0x{}", hex::encode(half));
    json!({ "r": half(signature.r), "s": half(signature.s), "v": signature.v })
}

#[derive(serde::Deserialize)]
struct FieldType {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

fn sign_user_action(request: &Request, key: &hyperliquid::Key, address: &str) -> Signed {
    let primary = request.need(&["primary_type", "primaryType"])?;
    let types: Vec<FieldType> =
        serde_json::from_str(&request.need(&["fields"])?).map_err(|error| format!("\"fields\": {error}"))?;
    let message: BTreeMap<String, Value> =
        serde_json::from_str(&request.need(&["message"])?).map_err(|error| format!("\"message\": {error}"))?;
    let chain = request.need(&["signature_chain_id", "signatureChainId"])?;
    let chain = chain.strip_prefix("0x").map_or_else(|| chain.parse(), |digits| u64::from_str_radix(digits, 16));
    let chain = chain.map_err(|_| "\"signature_chain_id\": expected a number, as \"0x66eee\"")?;
    let fields = types.iter().map(|field| {
        let value = message.get(&field.name).ok_or_else(|| format!("the message has no {:?}", field.name))?;
        let wrong = || format!("{:?} is {value}: expected {}", field.name, field.kind);
        let text = || value.as_str().ok_or_else(wrong);
        let value = match field.kind.as_str() {
            "string" => Field::Text(text()?.to_owned()),
            "uint64" => Field::Number(value.as_u64().ok_or_else(wrong)?),
            "bool" => Field::Flag(value.as_bool().ok_or_else(wrong)?),
            "address" => Field::Address(hyperliquid::parse_address(text()?).ok_or_else(wrong)?),
            "bytes32" => {
                let mut bytes = [0u8; 32];
                let digits = text()?.strip_prefix("0x").ok_or_else(wrong)?;
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| wrong())?;
                Field::Bytes(bytes)
            }
            kind => return Err(format!("{kind:?}: expected string, uint64, bool, address or bytes32")),
        };
        Ok((field.name.as_str(), value))
    });
    let fields = fields.collect::<Result<Vec<_>, String>>()?;
    let digest = hyperliquid::user_digest(&primary, &fields, chain);
    let signature = key.sign(&digest).ok_or("this digest can't be signed")?;
    Ok(json!({
        "venue": "hyperliquid",
        "address": address,
        "digest": format!("0x{}", hex::encode(digest)),
        "signature": signature_json(&signature),
    }))
}
