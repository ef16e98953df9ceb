//! A live executor as a process.

use core::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use mesh_actor::Ledger;
use mesh_adapter::bridge::{Endpoints, Venue};
use mesh_codec::registry::TlvBody;
use mesh_config::ProcessConfig;
use mesh_runtime::actor::{Bridge, Input, PacketSender, Service};
use mesh_runtime::{About, BoxError, Process};
use mesh_store::SqliteLedger;
use mesh_types::Domain;
use mesh_types::execution::{OrderCancel, OrderRequest, OrderStatusRequest};
use mesh_venues::private::{Dialect, Signer};
use serde::Deserialize;

use crate::actor::ExecutorActor;
use crate::modes;

const MILLISECOND_NS: u64 = 1_000_000;

/// What tells one venue's executor from another's.
pub trait Account: core::fmt::Debug + Clone + Send + 'static {
    /// Its binary.
    const ABOUT: About;
    /// Where requests go by default.
    const REST_URL: &'static str;
    /// Where the private stream comes from by default.
    const STREAM_URL: &'static str;
    /// Variables of the environment that hold the API key and its secret.
    const KEYS: [&'static str; 2];

    /// The venue's words.
    fn dialect() -> Box<dyn Dialect>;

    /// What signs with a key and its secret.
    fn signer(key: String, secret: String) -> Arc<dyn Signer>;
}

/// What can be set of an executor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, bound = "A: Account")]
pub struct Settings<A> {
    /// Where requests go: `http://` or `https://`, and a host.
    pub rest_url: String,
    /// Where the private stream comes from: `ws://` or `wss://`, and a host.
    pub stream_url: String,
    /// Certificates in PEM that are trusted beside the built-in roots.
    pub extra_ca_file: Option<PathBuf>,
    /// An order that works is asked about so often, whatever the private stream says.
    pub recheck_ms: u64,
    /// A request that failed is made again after this.
    pub retry_ms: u64,
    /// The venue's clock is asked for so often.
    pub clock_ms: u64,
    #[serde(skip)]
    account: PhantomData<A>,
}

impl<A: Account> Default for Settings<A> {
    fn default() -> Self {
        let logic = mesh_executor::Settings::default();
        Self {
            rest_url: A::REST_URL.to_owned(),
            stream_url: A::STREAM_URL.to_owned(),
            extra_ca_file: None,
            recheck_ms: logic.recheck_ns / MILLISECOND_NS,
            retry_ms: logic.retry_ns / MILLISECOND_NS,
            clock_ms: logic.clock_ns / MILLISECOND_NS,
            account: PhantomData,
        }
    }
}

impl<A: Account> mesh_runtime::Settings for Settings<A> {
    fn validate(&self) -> Result<(), String> {
        for (name, value) in [("recheck_ms", self.recheck_ms), ("retry_ms", self.retry_ms), ("clock_ms", self.clock_ms)]
        {
            if value == 0 {
                return Err(format!("{name}: expected at least 1, found 0"));
            }
        }
        let urls = [
            ("rest_url", &self.rest_url, ["http://", "https://"]),
            ("stream_url", &self.stream_url, ["ws://", "wss://"]),
        ];
        for (name, url, schemes) in urls {
            if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
                return Err(format!("{name}: expected {} or {}, found {url:?}", schemes[0], schemes[1]));
            }
        }
        Ok(())
    }
}

impl<A: Account> Settings<A> {
    fn logic(&self, dry: bool) -> mesh_executor::Settings {
        mesh_executor::Settings {
            dry,
            recheck_ns: self.recheck_ms.saturating_mul(MILLISECOND_NS),
            retry_ns: self.retry_ms.saturating_mul(MILLISECOND_NS),
            clock_ns: self.clock_ms.saturating_mul(MILLISECOND_NS),
        }
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints {
            rest_url: self.rest_url.trim_end_matches('/').to_owned(),
            stream_url: self.stream_url.trim_end_matches('/').to_owned(),
            extra_ca_file: self.extra_ca_file.clone(),
        }
    }
}

/// The service of an account.
#[derive(Debug)]
pub struct Live<A>(PhantomData<A>);

impl<A: Account> Service for Live<A> {
    type Settings = Settings<A>;
    type Actor = ExecutorActor;
    const ABOUT: About = A::ABOUT;

    fn inputs(_: &Settings<A>) -> Vec<Input> {
        let types = vec![OrderRequest::NUMBER, OrderCancel::NUMBER, OrderStatusRequest::NUMBER];
        vec![Input { domain: Domain::Execution, types, instruments: Vec::new(), last_values: true }]
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Execution]
    }

    fn actor(settings: &Settings<A>, config: &ProcessConfig) -> Result<ExecutorActor, BoxError> {
        let dry = modes::is_dry(config.mesh.mode)?;
        Ok(ExecutorActor::new(A::dialect(), settings.logic(dry)))
    }

    fn ledger(process: &Process<Settings<A>>) -> Result<Option<Box<dyn Ledger>>, BoxError> {
        let folder = process.config.mesh.data_dir();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{} can't be created: {error}", folder.display()))?;
        let path = folder.join(format!("{}.db", process.config.process.name));
        Ok(Some(Box::new(SqliteLedger::open(&path)?.of_mode(process.config.mesh.mode)?)))
    }

    fn bridge(process: &Process<Settings<A>>, packets: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let [key, secret] = A::KEYS;
        let (Some(key), Some(secret)) = (variable(key), variable(secret)) else {
            return Err(format!("expected the account's keys in {key} and {secret}").into());
        };
        mesh_topology::confirm::check_mode(process.config.mesh.mode, variable)?;
        tracing::info!(
            mode = process.config.mesh.mode.name(),
            "orders go to {}",
            process.settings.endpoints().rest_url
        );
        let signer = A::signer(key, secret);
        Ok(Some(Box::new(Venue::start_signed(process.settings.endpoints(), signer, packets)?)))
    }
}
