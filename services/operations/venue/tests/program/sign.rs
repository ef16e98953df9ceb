//! `venue sign` gives the signatures that the venues' documentation prints.

use crate::common::venue;
use serde_json::{Value, json};

fn sign(name: &str, request: &Value) -> Value {
    let run = venue(&["sign", "--venue", name], request.to_string().as_bytes());
    assert_eq!(run.code, Some(0), "{}", run.complaints);
    run.lines[0].clone()
}

#[test]
fn binance() {
    let secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559";
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    let signed = sign("binance", &json!({"secret":secret,"api_key":"k","query":query}));
    assert_eq!(signed["signature"], signature);
    assert_eq!(signed["query"], format!("{query}&signature={signature}"));
    assert_eq!(sign("binance", &json!({"secret":secret,"params":query}))["signature"], signature);
    // In the order of the object, which a map would lose.
    let request = format!(
        r#"{{"secret":"{secret}","params":{{"symbol":"LTCBTC","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":1,"price":"0.1"}},"recv_window":5000,"timestamp":1499827319559}}"#
    );
    let run = venue(&["sign", "--venue", "binance"], request.as_bytes());
    assert_eq!(run.lines[0]["signature"], signature);
    let socket = json!({"secret":secret,"api_key":"vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A","socket":true,
        "params":{"symbol":"BTCUSDT","side":"SELL","type":"LIMIT","timeInForce":"GTC","quantity":"0.01000000","price":"52000.00","recvWindow":100,"timestamp":1_645_423_376_532u64}});
    assert_eq!(
        sign("binance", &socket)["signature"],
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    );
}

#[test]
fn kraken() {
    let secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";
    let body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    let request =
        json!({"secret_base64":secret,"uri_path":"/0/private/AddOrder","nonce":1_616_492_376_594u64,"post_data":body});
    let expected = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==";
    let signed = sign("kraken", &request);
    assert_eq!((&signed["signature"], &signed["headers"]["API-Sign"]), (&json!(expected), &json!(expected)));
}

#[test]
fn okx() {
    let request = json!({"secret":"mysecret","api_key":"k","passphrase":"p","timestamp":"2020-12-08T09:08:57.715Z","method":"get",
        "path":"/api/v5/account/balance?ccy=BTC"});
    let expected = "OkAjRTXqfIRKxx7SRjIowU96vZPkf4n9X2G+8yduCf4=";
    let signed = sign("okx", &request);
    assert_eq!((&signed["signature"], &signed["headers"]["OK-ACCESS-SIGN"]), (&json!(expected), &json!(expected)));
    let login = sign("okx", &json!({"secret":"mysecret","login":true,"timestamp":1_538_054_050}));
    assert_eq!(login["signature"], "m+lzVL6siKIpimAa/6y8lHpWZe0SCpehAqymC8Nel0A=");
    let by_path = json!({"secret":"mysecret","timestamp":"1538054050","method":"GET","path":"/users/self/verify"});
    assert_eq!(sign("okx", &by_path)["signature"], login["signature"]);
    let prehash = json!({"secret":"mysecret","prehash":"1538054050GET/users/self/verify"});
    assert_eq!(sign("okx", &prehash)["signature"], login["signature"]);
}

#[test]
fn hyperliquid() {
    let key = "0x0123456789012345678901234567890123456789012345678901234567890123";
    let request = format!(
        r#"{{"private_key":"{key}","nonce":1677777606040,"vault_address":null,"action":{{"type":"order","orders":[{{"a":4,"b":true,"p":"1670.1","s":"0.0147","r":false,"t":{{"limit":{{"tif":"Ioc"}}}}}}],"grouping":"na"}}}}"#
    );
    let run = venue(&["sign", "--venue", "hyperliquid"], request.as_bytes());
    let signed = &run.lines[0];
    assert_eq!(signed["action_hash"], "0x0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908");
    assert_eq!(signed["address"], "0x14791697260e4c9a71f18484c9f997b308e59325");
    assert_eq!(
        signed["signature"],
        json!({"r":"0xe302c107c0048633293299b066317048f69f685aa4f536fe56c050efaf04996c",
               "s":"0x70e01d4d26e3d724fb8f8ab54b3f2544a37ea1b092f83532349405274f3f3962","v":28})
    );
    let body: Value = serde_json::from_str(signed["body"].as_str().expect("a body")).expect("JSON");
    assert_eq!((&body["nonce"], &body["vaultAddress"]), (&json!(1_677_777_606_040u64), &json!(null)));
    let dummy = json!({"private_key":key,"nonce":0,"action":{"type":"dummy"},"isMainnet":false});
    let mainnet = json!({"private_key":key,"nonce":0,"action":{"type":"dummy"}});
    assert_ne!(sign("hyperliquid", &dummy)["digest"], sign("hyperliquid", &mainnet)["digest"]);
    let send = json!({"private_key":key,"primary_type":"HyperliquidTransaction:UsdSend","signature_chain_id":"0x66eee",
        "fields":[{"name":"hyperliquidChain","type":"string"},{"name":"destination","type":"string"},{"name":"amount","type":"string"},{"name":"time","type":"uint64"}],
        "message":{"hyperliquidChain":"Testnet","destination":"0x5e9ee1089755c3435139848e47e6635505d5a13a","amount":"1","time":1_687_816_341_423u64}});
    assert_eq!(
        sign("hyperliquid", &send)["signature"]["r"],
        "0x637b37dd731507cdd24f46532ca8ba6eec616952c56218baeff04144e4a77073"
    );
}

#[test]
fn what_is_missing_is_named() {
    for (name, request, says) in [
        ("binance", "{}", "\"secret\" is missing"),
        ("kraken", r#"{"secret":"not base64!","path":"/"}"#, "not base64"),
        ("okx", r#"{"secret":"s","timestamp":"yesterday"}"#, "expected RFC 3339"),
        ("hyperliquid", r#"{"private_key":"0x12"}"#, "64 hex digits"),
        ("okx", "[", "no JSON object"),
        ("drift", "{}", "expected binance"),
    ] {
        let run = venue(&["sign", "--venue", name], request.as_bytes());
        assert_eq!(run.code, Some(2), "{name} {request}");
        assert!(run.complaints.contains(says), "{name} {request}: {}", run.complaints);
    }
}
