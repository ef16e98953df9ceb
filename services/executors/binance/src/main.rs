#![doc = include_str!("../README.md")]

use std::process::ExitCode;
use std::sync::Arc;

use mesh_executor_runtime::{Account, Live};
use mesh_runtime::About;
use mesh_runtime::actor::run_actor;
use mesh_venues::binance::private::Spot;
use mesh_venues::binance::sign::Credentials;
use mesh_venues::private::{Dialect, Signer};

#[derive(Clone, Debug)]
struct Binance;

impl Account for Binance {
    const ABOUT: About = About {
        name: "executor-binance",
        kind: "executor",
        about: "Orders at Binance spot: places them and reports their fate",
    };
    const REST_URL: &'static str = "https://api.binance.com";
    const STREAM_URL: &'static str = "wss://ws-api.binance.com:443";
    const KEYS: [&'static str; 2] = ["ALPHAMESH_BINANCE_API_KEY", "ALPHAMESH_BINANCE_API_SECRET"];

    fn dialect() -> Box<dyn Dialect> {
        Box::new(Spot)
    }

    fn signer(key: String, secret: String) -> Arc<dyn Signer> {
        Arc::new(Credentials::new(key.into(), secret.into()))
    }
}

fn main() -> ExitCode {
    run_actor::<Live<Binance>>()
}
