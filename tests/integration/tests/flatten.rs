//! The drill: `flatten` with a dead mesh, a locked and corrupt ledger, and a venue that fails.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use mesh_runtime::Status;
use mesh_types::{Decimal64, OrderType, Side, TimeInForce};
use mesh_venues::binance::Market;
use mesh_venues::binance::format::{self, NewOrder, Request};
use mesh_venues::binance::sign::{API_KEY_HEADER, Credentials};
use serde_json::Value;
use simvenue::server::Server;
use simvenue::settings::{Settings, TEST_KEY, TEST_SECRET};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn binary(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("a path");
    let directory = std::env::var_os("ALPHAMESH_BIN")
        .map_or_else(|| exe.ancestors().nth(2).expect("target/debug").to_owned(), PathBuf::from);
    directory.join(name)
}

async fn venue() -> SocketAddr {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings { listen, history_s: 1, ..Settings::default() };
    let server = Server::bind(settings, Arc::new(Status::new("simvenue", "venue"))).await.expect("a free port");
    let address = server.address().expect("an address");
    tokio::spawn(server.serve(std::future::pending()));
    address
}

async fn http(address: SocketAddr, method: &str, target: &str, body: &str) -> Value {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let head = format!("{method} {target} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{API_KEY_HEADER}: {TEST_KEY}");
    let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    socket.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("read");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect(body)
}

async fn ask(address: SocketAddr, request: &Request) -> Value {
    let keys = Credentials::new(TEST_KEY.to_owned().into(), TEST_SECRET.to_owned().into());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let target = request.target(&keys, u64::try_from(now.as_millis()).expect("fits"), None);
    http(address, request.method.name(), &target, "").await
}

/// Rests an order far from the market.
async fn rest_an_order(address: SocketAddr, id: &str) {
    let order = NewOrder {
        symbol: "BTCUSDT",
        side: Side::Sell,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        quantity: Decimal64::new(5, -1),
        price: Decimal64::new(90_000, 0),
        client_order_id: id,
        reduce_only: false,
    };
    let answer = ask(address, &format::place_order(Market::Spot, &order)).await;
    assert_eq!(answer["status"], "NEW", "{answer}");
}

async fn held(address: SocketAddr, asset: &str) -> f64 {
    let account = ask(address, &format::account(Market::Spot)).await;
    let balances = account["balances"].as_array().expect("balances");
    let of = balances.iter().find(|balance| balance["asset"] == asset).expect(asset);
    ["free", "locked"].iter().map(|part| of[part].as_str().expect("a text").parse::<f64>().expect("a number")).sum()
}

/// Runs the program in a home that is of no use.
async fn flatten(home: &Path, address: SocketAddr, options: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(binary("flatten"));
    command.args(["--json", "--keep", "BNB", "--url", &format!("http://{address}")]).args(options);
    command.env("ALPHAMESH_HOME", home).env("ALPHAMESH_BINANCE_API_KEY", TEST_KEY);
    command.env("ALPHAMESH_BINANCE_API_SECRET", TEST_SECRET).env("NO_PROXY", "127.0.0.1");
    let output: Output =
        tokio::task::spawn_blocking(move || command.output()).await.expect("ends").expect("it is built");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{said}")))
}

/// A mesh that died: its ledger holds what is none, and somebody holds its lock.
fn dead_home() -> (tempfile::TempDir, std::fs::File) {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    std::fs::create_dir(&data).expect("made");
    std::fs::write(data.join("portfolio.db"), b"no database at all").expect("written");
    let locked = std::fs::File::open(data.join("portfolio.db")).expect("opened");
    locked.lock().expect("locked");
    (home, locked)
}

#[tokio::test(flavor = "multi_thread")]
async fn flatten_needs_nothing_of_the_mesh() {
    let address = venue().await;
    let (home, _lock) = dead_home();
    for id in ["one", "two"] {
        rest_an_order(address, id).await;
    }
    // Orders to sell are taken and not answered, or answered with an error that says nothing; and one request meets a broken proxy.
    http(
        address,
        "POST",
        "/sim/faults",
        r#"{"timeout_after_accept":{"next":1},"error_after_accept":{"next":1},"bad_gateway":{"next":1}}"#,
    )
    .await;
    let (code, report) = flatten(home.path(), address, &["--yes"]).await;
    assert_eq!((code, &report["flat"]), (Some(0), &Value::Bool(true)), "{report}");
    assert_eq!(report["cancelled"]["BTCUSDT"], 2);
    let working = ask(address, &format::open_orders(Market::Spot, None)).await;
    assert_eq!(working.as_array().map(Vec::len), Some(0));
    for asset in ["BTC", "ETH"] {
        assert!(held(address, asset).await < 0.001, "{asset}");
    }
    assert!(held(address, "BNB").await > 99.0 && held(address, "USDT").await > 100_000.0);
    // Again: there is nothing to do.
    let (code, report) = flatten(home.path(), address, &["--yes"]).await;
    assert_eq!((code, report["sold"].as_array().map(Vec::len)), (Some(0), Some(0)), "{report}");
    assert_eq!(std::fs::read(home.path().join("data/portfolio.db")).expect("there"), b"no database at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_yes_nothing_changes() {
    let address = venue().await;
    let (home, _lock) = dead_home();
    rest_an_order(address, "one").await;
    let (code, report) = flatten(home.path(), address, &[]).await;
    assert_eq!(code, Some(1));
    assert!(report["next"].as_str().is_some_and(|next| next.starts_with("DELETE /api/v3/openOrders")), "{report}");
    let working = ask(address, &format::open_orders(Market::Spot, None)).await;
    assert_eq!(working.as_array().map(Vec::len), Some(1));
}
