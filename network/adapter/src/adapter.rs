//! An adapter whose venue has a feed in `mesh-venues`: what is left to say of it is an [`Exchange`].

use core::marker::PhantomData;

use mesh_config::ProcessConfig;
use mesh_runtime::actor::{Bridge, Input, PacketSender, Service};
use mesh_runtime::{About, BoxError, Process};
use mesh_types::Domain;
use mesh_venues::reader::Language;

use crate::bridge::Venue;
use crate::market::Market;
use crate::settings::Settings;

/// One market of a venue.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// What it speaks; its kind is what settings call it.
    pub language: Language,
    /// Where requests go by default.
    pub rest_url: &'static str,
    /// Where streams come from by default.
    pub stream_url: &'static str,
    /// An example of its symbols.
    pub symbol: &'static str,
    /// Levels a side of books that are asked for by default.
    pub book_depth: usize,
}

/// What tells one venue's adapter from another's.
pub trait Exchange: core::fmt::Debug + Clone + Send + 'static {
    /// Its binary.
    const ABOUT: About;
    /// Its markets; the first where settings name none.
    const PLACES: &'static [Place];
    /// Symbols that are followed by default, of the first market.
    const SYMBOLS: &'static [&'static str];

    /// Whether a market spells symbols like this, as far as that can be said without asking it.
    fn spells(language: Language, symbol: &str) -> bool;
}

/// The service of an exchange.
#[derive(Debug)]
pub struct Adapter<E>(PhantomData<E>);

impl<E: Exchange> Service for Adapter<E> {
    type Settings = Settings<E>;
    type Actor = Market;
    const ABOUT: About = E::ABOUT;

    fn inputs(_: &Settings<E>) -> Vec<Input> {
        // The relay asks its publishers for snapshots whether they subscribe or not.
        Vec::new()
    }

    fn outputs() -> &'static [Domain] {
        &[Domain::Market]
    }

    fn actor(settings: &Settings<E>, config: &ProcessConfig) -> Result<Market, BoxError> {
        Ok(Market::new(settings, config.limits, u64::from(config.process.source.get()))?)
    }

    fn bridge(process: &Process<Settings<E>>, packets: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
        Ok(Some(Box::new(Venue::start(process.settings.endpoints()?, packets)?)))
    }
}
