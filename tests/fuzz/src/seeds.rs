//! Writes small corpora to start from: `seeds FOLDER` fills FOLDER/TARGET for each target.

// The instrumentation calls libFuzzer's runtime.
extern crate libfuzzer_sys as _;

use std::path::Path;

use mesh_codec::{REGISTRY, SizeRule};
use mesh_fuzz::message;
use mesh_topology::profiles::PROFILES;

/// A TLV of each type, zeroed: without items.
fn values() -> impl Iterator<Item = (u8, Vec<u8>)> {
    REGISTRY.iter().map(|entry| {
        let bytes = match entry.size {
            SizeRule::Fixed { bytes } => bytes,
            SizeRule::Tailed { head_bytes, .. } => head_bytes,
        };
        let length = u16::try_from(bytes).expect("a short value").to_le_bytes();
        let tlv = [&[entry.number, 0, length[0], length[1]][..], &vec![0; bytes]].concat();
        (entry.domain as u8, tlv)
    })
}

/// A script of pieces, as [`mesh_fuzz::pieces`] reads it, behind a first byte.
fn script(first: u8, pieces: &[(u8, &[u8])]) -> Vec<u8> {
    let piece = |(kind, bytes): &(u8, &[u8])| {
        let length = u8::try_from(bytes.len()).expect("a short piece");
        [&[*kind, length][..], bytes].concat()
    };
    [vec![first], pieces.iter().flat_map(piece).collect()].concat()
}

/// A timer, a reference and a whole message, as the journal keeps them.
fn inputs() -> Vec<u8> {
    let timer = [&[3][..], &[0; 15]].concat();
    let reference = [&[1, 1, 7, 0][..], &[9; 12]].concat();
    let whole = [&[2, 0, 0, 0, 5, 0, 0, 0][..], &[0; 8], b"frame"].concat();
    [timer, reference, whole].concat()
}

fn corpora() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    vec![
        ("header", values().map(|(domain, tlv)| message(domain, &tlv)).collect()),
        ("tlvs", values().map(|(domain, tlv)| [&[domain][..], &tlv].concat()).collect()),
        (
            "frames",
            vec![
                script(7, &[(1, b""), (0, b"MESH"), (1, b"")]),
                script(0, &[(3, b"\x55\0\0\0"), (0, b"MESH\x01\x01\0\0"), (5, b"MESH\x01\x01")]),
            ],
        ),
        (
            "capture",
            vec![
                script(0, &[(1, b"one"), (1, b"two"), (0, b"garbage"), (1, b"three"), (3, b"\x05four"), (2, b"five")]),
                script(1, &[(0, b"ALPHACAP"), (1, b""), (3, b"\x30six"), (1, b"")]),
            ],
        ),
        (
            "journal",
            vec![script(3, &[(1, &inputs()), (2, &[0; 24]), (1, b""), (0, b"garbage")]), script(0, &[(3, &[0; 24])])],
        ),
        (
            "binance",
            texts(&[
                r#"{"e":"trade","E":1700000000123,"s":"BTCUSDT","t":1,"p":"61837.63000000","q":"0.00100000","T":1700000000122,"m":true,"M":true}"#,
                r#"{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":5,"u":7,"b":[["1.50","2"]],"a":[["1.60","0"]]}}"#,
                r#"{"lastUpdateId":5,"bids":[["1.50","2"],["1.40","3"]],"asks":[["1.60","1"]]}"#,
                r#"{"u":4,"s":"BTCUSDT","b":"1.50","B":"2","a":"1.60","A":"3"}"#,
                r#"{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1,"T":2,"s":"BTCUSDT","i":"1m","o":"1","c":"2","h":"3","l":"1","v":"9","n":4,"x":true}}"#,
                r#"[{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1.5","i":"1.6","P":"1.7","r":"0.0001","T":2}]"#,
                r#"{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","q":"1","p":"2","ap":"3","X":"FILLED","T":4}}"#,
                r#"{"id":7,"status":400,"error":{"code":-1121,"msg":"Invalid symbol."}}"#,
                r#"{"symbol":"BTCUSDT","orderId":28,"clientOrderId":"x","price":"1","origQty":"2","executedQty":"0","status":"NEW","side":"BUY"}"#,
                r#"[[1499040000000,"0.1","0.8","0.1","0.2","148",1499644799999,"2434",308,"1756","28","0"]]"#,
                r#"{"serverTime":1499827319559}"#,
            ]),
        ),
        (
            "binance_rest",
            texts(&[
                r#"{"serverTime":1499827319559}"#,
                r#"[[1499040000000,"0.1","0.8","0.1","0.2","148",1499644799999,"2434",308,"1756","28","0"]]"#,
                r#"{"timezone":"UTC","serverTime":1,"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50}],"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[{"filterType":"PRICE_FILTER","tickSize":"0.01"},{"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001"},{"filterType":"NOTIONAL","minNotional":"5"},{"filterType":"ICEBERG_PARTS","limit":10}]}]}"#,
                r#"{"code":-1121,"msg":"Invalid symbol."}"#,
            ]),
        ),
        (
            "klines",
            texts(&[
                r#"[[1499040000000,"0.1","0.8","0.1","0.2","148",1499644799999,"2434",308,"1756","28","0"]]"#,
                r#"{"code":"0","msg":"","data":[["1700000000000","10.50","12.0","9.1","11","148.5","1","1","1"]]}"#,
                r#"[{"T":1700003599999,"c":"11","h":"12.0","i":"1m","l":"9.1","n":308,"o":"10.50","s":"BTC","t":1700000000000,"v":"148.5"}]"#,
                r#"{"error":[],"result":{"XXBTZUSD":[[1700000000,"10.50","12.0","9.1","11","10.7","148.5",308]],"last":1700000000}}"#,
            ]),
        ),
        (
            "binance_order",
            texts(&[
                r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"x","transactTime":1507725176595,"price":"1","origQty":"2","executedQty":"1","cummulativeQuoteQty":"1","status":"PARTIALLY_FILLED","side":"BUY","fills":[{"price":"1","qty":"1","commission":"0.001","commissionAsset":"BTC","tradeId":56}]}"#,
                r#"[{"symbol":"BTCUSDT","orderId":1,"clientOrderId":"x","origClientOrderId":"y","status":"CANCELED","updateTime":1499827319559}]"#,
                r#"[{"symbol":"BTCUSDT","id":28457,"orderId":100234,"price":"4.0","qty":"12.0","commission":"10.1","commissionAsset":"BNB","time":1499865549590,"isBuyer":true,"isMaker":false}]"#,
                r#"{"e":"executionReport","E":1,"s":"BTCUSDT","c":"x","S":"BUY","o":"LIMIT","f":"GTC","q":"1","p":"2","C":"","x":"TRADE","X":"FILLED","r":"NONE","i":7,"l":"1","z":"1","L":"2","n":"0","N":null,"T":3,"t":4,"m":false,"Z":"2"}"#,
                r#"{"e":"outboundAccountPosition","E":1,"u":2,"B":[{"a":"BTC","f":"1.0","l":"0.5"}]}"#,
            ]),
        ),
        (
            "binance_server",
            texts(&["BTCUSDT\nBUY\n0.001", "a b&c=d%\n+", "symbol=BTCUSDT&timestamp=1700000000000&signature=00"]),
        ),
        (
            "simvenue",
            texts(&[
                "GET /api/v3/time\nGET /api/v3/exchangeInfo?symbol=BTCUSDT\nGET /api/v3/depth?symbol=BTCUSDT&limit=5",
                "W {\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":1}\nW {\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":2}",
                "S POST /api/v3/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001&newClientOrderId=a\nS GET /api/v3/order?symbol=BTCUSDT&origClientOrderId=a",
                "S POST /api/v3/order?symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.01&price=99000\nS GET /api/v3/openOrders\nS DELETE /api/v3/openOrders?symbol=BTCUSDT\nS GET /api/v3/myTrades?symbol=BTCUSDT",
                "GET /api/v3/klines?symbol=BTCUSDT&interval=1m\nGET /api/v3/ticker/bookTicker\nDELETE /nowhere",
            ]),
        ),
        (
            "toml_process",
            texts(&[
                "[process]\nname = \"x\"\nsource = 9\n[mesh]\nid = 1\nmode = \"paper\"\nhome = \"/h\"\n[relays]\nmarket = \"m\"\nsignal = \"s\"\nexecution = \"e\"\n[settings]\nkey = { inner = 1 }\n",
                "[process]\nname = \"x\"\nsource = 9\n[mesh]\nid = 1\nmode = \"paper\"\nhome = \"/h\"\n[relays]\nmarket = \"m\"\nsignal = \"s\"\nexecution = \"e\"\n[runtime]\njournal = \"whole\"\n\u{0}[1, \"two\"]",
            ]),
        ),
        (
            "kraken",
            texts(&[
                r#"{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.10000000}],"asks":[{"price":45285.2,"qty":0.00100000}],"checksum":3310070434}]}"#,
                r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.25}],"asks":[],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}]}"#,
                r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":1.5,"qty":2,"trade_id":7,"timestamp":"2023-10-06T17:35:55Z"}]}"#,
                r#"{"channel":"instrument","type":"snapshot","data":{"pairs":[{"symbol":"A/B","base":"A","quote":"B","status":"online","qty_precision":8,"price_precision":5,"qty_increment":1e-8}]}}"#,
                r#"{"method":"subscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true,"req_id":1}"#,
                r#"{"error":["EOrder:Insufficient funds"],"result":{"AB":{"wsname":"A/B","pair_decimals":1,"lot_decimals":8}}}"#,
            ]),
        ),
        (
            "okx",
            texts(&[
                r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["2.5","1","0","1"]],"bids":[["1.50","1","0","1"]],"ts":"1","checksum":-5,"prevSeqId":-1,"seqId":5}]}"#,
                r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[["1.5","0","0","0"]],"ts":"2","checksum":0,"prevSeqId":5,"seqId":6}]}"#,
                r#"{"arg":{"channel":"candle1H","instId":"BTC-USDT"},"data":[["1","2","3","1","2","4","5","6","1"]]}"#,
                r#"{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkPx":"1","side":"buy","sz":"13","ts":"1"}],"instId":"A-B-SWAP"}]}"#,
                r#"{"event":"error","code":"60012","msg":"Invalid request"}"#,
                r#"{"code":"0","data":[{"instId":"A-B","tickSz":"0.1","lotSz":"1","sCode":"51008","clOrdId":"a"}]}"#,
            ]),
        ),
        (
            "hyperliquid",
            texts(&[
                r#"{"channel":"l2Book","data":{"coin":"BTC","time":5,"levels":[[{"n":5,"px":"105055.0","sz":"3.03622"}],[{"px":"105056.0","sz":"0.1","n":1}]]}}"#,
                r#"{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"1.0","sz":"2.0","time":5,"tid":7}]}"#,
                r#"{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.1","openInterest":"2.0","oraclePx":"1.0","markPx":"1.0"}}}"#,
                r#"{"universe":[{"name":"A/USDC","tokens":[1,0],"index":0}],"tokens":[{"name":"USDC","szDecimals":8,"index":0},{"name":"A","szDecimals":0,"index":1}]}"#,
                r#"{"status":"ok","response":{"type":"order","data":{"statuses":[{"resting":{"oid":7}},{"error":"x"},"success"]}}}"#,
                r#"{"type":"order","orders":[{"a":1,"b":true,"p":"100","t":{"limit":{"tif":"Gtc"}}}],"grouping":"na"}"#,
            ]),
        ),
        (
            "drift",
            texts(&[
                "ts,baseAssetAmountFilled,quoteAssetAmountFilled,oraclePrice,action\n1704777451,1.5,120.75,80.4,fill\n",
                "ts,fundingRate,oraclePriceTwap\n1704777451,0.005,80.5\n",
                r#"{"success":true,"records":[{"ts":1,"price":"80.5","takerOrderDirection":"long"}]}"#,
                r#"{"data":{"fill":{"side":"buy","amount":"5","price":"1","orderId":4,"marketIndex":0,"ts":1}},"channel":"fills"}"#,
                r#"{"bids":[{"price":"80260400","size":"4062","sources":{"indicative":"2"}}],"asks":[],"marketName":"SOL-PERP","ts":1,"slot":4}"#,
            ]),
        ),
        (
            "tape",
            texts(&[
                r#"{"recv_ns":201,"frame":{"qty":0.10000000}}"#,
                r#"{"t":"recv","ts":1652459225.5037491,"data":"{\"event\":1.0}","conn":"a"}"#,
                "1737918843893903000 {}",
                "pong",
            ]),
        ),
        ("toml_topology", PROFILES.iter().map(|profile| profile.text.as_bytes().to_vec()).collect()),
        ("decimal", texts(&["0", "1.50", "-0.00100000", "61837.63000000", "9223372036854775807", "1e-3", "-.5E+2"])),
        (
            "instrument",
            texts(&[
                "binance:spot:BTCUSDT",
                "kraken:spot:BTC/USD",
                "okx:option:BTC-USD-241227-100000-C",
                "polygon:pool:0x45dda9cb7c25131df268515131f647d726f50608",
                "chain-4242:token:0x45dda9cb7c25131df268515131f647d726f50608",
            ]),
        ),
    ]
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("usage: seeds FOLDER");
    for (target, inputs) in corpora() {
        let folder = Path::new(&folder).join(target);
        std::fs::create_dir_all(&folder)?;
        for (index, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index}")), input)?;
        }
    }
    Ok(())
}
