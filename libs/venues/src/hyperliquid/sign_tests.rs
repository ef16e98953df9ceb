use super::*;

const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";

fn key() -> Key {
    Key::parse(KEY).expect("a key")
}

fn action(json: &str, nonce: u64) -> Action<'_> {
    Action { json: json.as_bytes(), nonce, vault: None, expires_after: None }
}

/// `r`, `s` without leading zeros, and `v`, as the Python SDK prints them.
fn signed(action: &Action<'_>, network: Network) -> (String, String, u8) {
    let signature = key().sign(&action.digest(network).expect("an action")).expect("a signature");
    let short = |half: Hash| hex::encode(half).trim_start_matches('0').to_owned();
    (short(signature.r), short(signature.s), signature.v)
}

const LIMIT: &str = r#"{"type":"order","orders":[{"a":1,"b":true,"p":"100","s":"100","r":false,"t":{"limit":{"tif":"Gtc"}}}],"grouping":"na"}"#;
const CLOID: &str = r#"{"type":"order","orders":[{"a":1,"b":true,"p":"100","s":"100","r":false,"t":{"limit":{"tif":"Gtc"}},"c":"0x00000000000000000000000000000001"}],"grouping":"na"}"#;

#[test]
fn the_address_is_the_key_s_and_the_key_is_not_printed() {
    assert_eq!(hex::encode(key().address()), "14791697260e4c9a71f18484c9f997b308e59325");
    assert_eq!(format!("{:?}", key()), "Key([redacted])");
    for bad in ["", "0x12", "zz", "0x0000000000000000000000000000000000000000000000000000000000000000"] {
        assert!(Key::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn actions_are_hashed_as_the_sdk_hashes_them() {
    let ioc = r#"{"type":"order","orders":[{"a":4,"b":true,"p":"1670.1","s":"0.0147","r":false,"t":{"limit":{"tif":"Ioc"}}}],"grouping":"na"}"#;
    assert_eq!(
        hex::encode(msgpack::from_json(ioc.as_bytes()).expect("an action")),
        "83a474797065a56f72646572a66f72646572739186a16104a162c3a170a6313637302e31a173a6302e30313437a172c2a17481a56c696d697481a3746966a3496f63a867726f7570696e67a26e61"
    );
    let ioc = action(ioc, 1_677_777_606_040);
    assert_eq!(
        hex::encode(ioc.hash().expect("a hash")),
        "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"
    );
    assert_eq!(
        hex::encode(ioc.digest(Network::Mainnet).expect("a digest")),
        "be5eb0697b77c2acfeaa07a3d4913ae5d06489c63bfd143c5d3d66540a196c43"
    );
    let nonce = 1_700_000_000_000;
    let vault = parse_address("0x1719884eb866cb12b2287399b15f7db5e7d775ea");
    for (action, hash) in [
        (action(CLOID, 0), "0ba500cedd8f4ba6ded620a0b1cd04f124d9ba745e2e2893fcc763bcc1444af5"),
        (
            Action { expires_after: Some(nonce + 5_000), ..action(CLOID, nonce) },
            "d8e5ad22e187464eed49b734c560398daa6b853218bf9ae166c0d78beb7ee3f9",
        ),
        (
            Action { vault, expires_after: Some(nonce + 5_000), ..action(CLOID, nonce) },
            "df9738b8e7667d9d9be69a1ab4f79bf14d4f9346dc87d81078b988b8b08f8a5a",
        ),
        (
            action(r#"{"type":"cancel","cancels":[{"a":1,"o":123456789}]}"#, nonce),
            "9375cdf74004a5fdeb2f4e21e14d7ba2c1db0329fe61515982945f157d3f0069",
        ),
        (
            action(r#"{"type":"updateLeverage","asset":1,"isCross":true,"leverage":5}"#, nonce),
            "abcd0030f6e652ed0f555bc4149c09afb584e3f03d6638664ebc7cdc08f8f890",
        ),
        (
            action(r#"{"type":"scheduleCancel","time":1700000010000}"#, nonce),
            "e63169635c2b8dd6d34c54a508975ab9427087a0ccb278f2156f7456c317c594",
        ),
    ] {
        assert_eq!(hex::encode(action.hash().expect("a hash")), hash);
    }
}

#[test]
fn signatures_are_the_published_ones() {
    let dummy = action(r#"{"type":"dummy","num":100000000000}"#, 0);
    assert_eq!(
        signed(&dummy, Network::Mainnet),
        (
            "53749d5b30552aeb2fca34b530185976545bb22d0b3ce6f62e31be961a59298".into(),
            "755c40ba9bf05223521753995abb2f73ab3229be8ec921f350cb447e384d8ed8".into(),
            27
        )
    );
    assert_eq!(signed(&dummy, Network::Testnet).2, 28);
    assert_eq!(
        signed(&action(LIMIT, 0), Network::Mainnet),
        (
            "d65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e".into(),
            "2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e".into(),
            28
        )
    );
    let digest = action(CLOID, 0).digest(Network::Mainnet).expect("a digest");
    let signature = key().sign(&digest).expect("a signature");
    assert_eq!(
        signature.json(),
        r#"{"r":"0x041ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3","s":"0x3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da","v":27}"#
    );
    assert_eq!(recover(&digest, &signature), Some(key().address()));
    assert_ne!(recover(&[7; 32], &signature), Some(key().address()), "another action, a random address");
    assert_eq!(recover(&digest, &Signature { v: 9, ..signature }), None);
}

#[test]
fn what_moves_funds_is_signed_as_the_sdk_signs_it() {
    let fields = |destination: &str| {
        [
            ("hyperliquidChain", Value::Text("Testnet".into())),
            ("destination", Value::Text(destination.into())),
            ("amount", Value::Text("1".into())),
            ("time", Value::Number(1_687_816_341_423)),
        ]
    };
    let fields = fields("0x5e9ee1089755c3435139848e47e6635505d5a13a");
    for (primary, r) in [
        ("HyperliquidTransaction:UsdSend", "637b37dd731507cdd24f46532ca8ba6eec616952c56218baeff04144e4a77073"),
        ("HyperliquidTransaction:Withdraw", "8363524c799e90ce9bc41022f7c39b4e9bdba786e5f9c72b20e43e1462c37cf9"),
    ] {
        let signature = key().sign(&user_digest(primary, &fields, 0x66eee)).expect("a signature");
        assert_eq!(hex::encode(signature.r), r, "{primary}");
    }
}

#[test]
fn nonces_are_used_once_and_taken_in_their_window() {
    let mut nonces = Nonces::after(5);
    assert_eq!([nonces.next(0), nonces.next(9_000_000), nonces.next(9_000_000), nonces.next(1)], [6, 9, 10, 11]);
    let (mut window, now) = (NonceWindow::default(), 1_700_000_000_000u64);
    let now_ns = now * 1_000_000;
    assert!(window.accept(now_ns, now) && !window.accept(now_ns, now), "once");
    assert!(window.accept(now_ns, now - 50), "out of order, but new");
    assert!(!window.accept(now_ns, now - 3 * 86_400_000) && !window.accept(now_ns, now + 2 * 86_400_000));
    for later in 1..=100 {
        assert!(window.accept(now_ns, now + later));
    }
    assert!(!window.accept(now_ns, now - 1), "below all that are remembered");
}

/// Every vector of the Python SDK, where the file is there.
#[test]
fn all_vectors_of_the_sdk() {
    #[derive(serde::Deserialize)]
    struct Expected {
        r: String,
        s: String,
        v: u8,
    }
    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        network: String,
        private_key: String,
        action: Box<serde_json::value::RawValue>,
        vault_address: Option<String>,
        nonce: u64,
        expires_after: Option<u64>,
        action_hash: String,
        expected: Expected,
    }
    #[derive(serde::Deserialize)]
    struct File {
        l1_actions: Vec<Vector>,
    }
    let Some(bytes) = crate::recordings::file("signing/hyperliquid_python_sdk.json") else { return };
    let file: File = serde_json::from_slice(&bytes).expect("vectors");
    for vector in &file.l1_actions {
        let action = Action {
            json: vector.action.get().as_bytes(),
            nonce: vector.nonce,
            vault: vector.vault_address.as_deref().map(|vault| parse_address(vault).expect("an address")),
            expires_after: vector.expires_after,
        };
        let network = if vector.network == "mainnet" { Network::Mainnet } else { Network::Testnet };
        let signature =
            Key::parse(&vector.private_key).expect("a key").sign(&action.digest(network).expect("a digest"));
        let signature = signature.expect("a signature");
        assert_eq!(format!("0x{}", hex::encode(action.hash().expect("a hash"))), vector.action_hash, "{}", vector.name);
        let expected = (vector.expected.r.clone(), vector.expected.s.clone(), vector.expected.v);
        let found = (format!("0x{}", hex::encode(signature.r)), format!("0x{}", hex::encode(signature.s)), signature.v);
        assert_eq!(found, expected, "{} {}", vector.name, vector.network);
    }
    assert!(file.l1_actions.len() >= 18);
}
