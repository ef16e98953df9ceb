//! An executor that writes each order as its venue wants it and reports it filled.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use mesh_actor::{Actor, Context, TimerId};
use mesh_codec::Message;
use mesh_codec::registry::TlvBody;
use mesh_config::ProcessConfig;
use mesh_runtime::actor::{Bridge, Input, PacketSender, Service, run_actor};
use mesh_runtime::{About, BoxError, Process};
use mesh_types::execution::{Fill, Intent, OrderRequest};
use mesh_types::system::ExternalRequest;
use mesh_types::{Domain, FixedStr, OrderType, Side, TimeInForce};
use mesh_venues::binance::Market;
use mesh_venues::binance::format::{NewOrder, place_order};
use mesh_venues::binance::sign::Credentials;
use serde::Deserialize;

pub(super) const PROGRAM: &str = "executor-path";
/// Before an order's bytes: which signal's it is, and when strategy, portfolio and executor had it.
pub(super) const HEAD_BYTES: usize = 4 * 8;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Settings {
    /// The venue's socket.
    venue: PathBuf,
}

impl mesh_runtime::Settings for Settings {}

struct Sender {
    keys: Credentials,
    intent: Intent,
    orders: u64,
}

impl Sender {
    fn send(&mut self, order: &OrderRequest, ordered_ns: u64, context: &mut Context<'_>) {
        let now_ns = context.now_ns();
        let id = order.client_order_id.to_string();
        let request = place_order(
            Market::Spot,
            &NewOrder {
                symbol: super::venue::SYMBOL,
                side: order.side.get().unwrap_or(Side::Buy),
                order_type: OrderType::Market,
                time_in_force: TimeInForce::Ioc,
                quantity: order.quantity.get(),
                price: order.price.get(),
                client_order_id: &id,
                reduce_only: false,
            },
        );
        let target = request.target(&self.keys, now_ns / 1_000_000, None);
        let signal = self.intent.signal;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + target.len() + 1);
        for part in [signal.sequence.get(), signal.timestamp_ns.get(), ordered_ns, now_ns] {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes.extend_from_slice(target.as_bytes());
        bytes.push(b'\n');
        let head = ExternalRequest { byte_count: (bytes.len() as u16).into(), ..ExternalRequest::default() };
        context.emit_tailed(&head, &bytes);
        self.orders += 1;
        context.emit(&Fill {
            client_order_id: order.client_order_id,
            instrument: order.instrument,
            side: order.side,
            price: order.worst_price,
            quantity: order.quantity,
            cumulative_quantity: order.quantity,
            fee_asset: FixedStr::truncated("USDT"),
            trade_id: FixedStr::truncated(&self.orders.to_string()),
            venue_ns: now_ns.into(),
            ..Fill::default()
        });
    }
}

impl Actor for Sender {
    fn on_message(&mut self, message: &Message<'_>, context: &mut Context<'_>) {
        if let Some(intent) = message.get::<Intent>() {
            self.intent = *intent;
        } else if let Some(order) = message.get::<OrderRequest>() {
            self.send(order, message.timestamp_ns(), context);
        }
    }

    fn on_timer(&mut self, _: TimerId, _: &mut Context<'_>) {}

    fn state_digest(&self) -> u64 {
        self.orders
    }
}

struct Venue(UnixStream);

impl Bridge for Venue {
    fn request(&mut self, _: &ExternalRequest, bytes: &[u8]) {
        // Orders that do not arrive are missed there.
        let _ = self.0.write_all(bytes);
    }
}

struct PathExecutor;

impl Service for PathExecutor {
    type Settings = Settings;
    type Actor = Sender;
    const ABOUT: About = About { name: PROGRAM, kind: "executor", about: "Orders of a measurement" };

    fn inputs(_: &Settings) -> Vec<Input> {
        vec![Input {
            domain: Domain::Execution,
            types: vec![Intent::NUMBER, OrderRequest::NUMBER],
            instruments: Vec::new(),
            last_values: false,
        }]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Execution]
    }

    fn actor(_: &Settings, _: &ProcessConfig) -> Result<Sender, BoxError> {
        let keys = Credentials::new("key".to_owned().into(), "secret".to_owned().into());
        Ok(Sender { keys, intent: Intent::default(), orders: 0 })
    }

    fn bridge(process: &Process<Settings>, _: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        Ok(Some(Box::new(Venue(UnixStream::connect(&process.settings.venue)?))))
    }
}

pub(super) fn run() -> ExitCode {
    run_actor::<PathExecutor>()
}
