//! The simulated venue misbehaves; each venue's adapter must never have a book that is live and wrong, and must come back.
//!
//! `ALPHAMESH_SEED` repeats a run; each prints its own.
#![allow(clippy::expect_used, clippy::print_stdout)] // a test says what broke by panicking

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use adapter_binance::Binance;
use adapter_hyperliquid::Hyperliquid;
use adapter_kraken::Kraken;
use adapter_okx::Okx;
use mesh_adapter::Exchange;
use mesh_adapter::settings::Settings;
use mesh_types::BookHealth;
use mesh_venues::reader::Language;
use simvenue::core::faults::{Fault, Rule};
use test_conformance::simulation::Simulation;

fn seed() -> u64 {
    let given = std::env::var("ALPHAMESH_SEED").ok().and_then(|seed| seed.parse().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| u64::from(time.subsec_nanos()));
    let seed = given.unwrap_or_else(clock);
    println!("ALPHAMESH_SEED={seed}");
    seed
}

/// An adapter whose books are live.
fn live<E: Exchange>() -> Simulation {
    let mut simulation = Simulation::new::<E>(seed());
    simulation.run(10);
    assert!(simulation.is_live(), "{:?}", simulation.world.counts);
    assert!(simulation.compared > 1_000);
    simulation.times_to_live_ns.clear();
    simulation
}

/// A fault for half a minute, and then none: everything must be well again.
fn survives<E: Exchange>(fault: Fault, every: u64, heals_s: u64) -> Simulation {
    let mut simulation = live::<E>();
    simulation.fault(fault, Rule { every, next: 1 });
    simulation.run(30);
    assert!(simulation.made(fault) > 0, "{fault:?} was never made");
    simulation.fault(fault, Rule::default());
    simulation.run(heals_s);
    assert!(simulation.is_live(), "{fault:?}: {:?}", simulation.world.cell.counters());
    for trades in simulation.world.trades.values() {
        let once: BTreeSet<u64> = trades.iter().copied().collect();
        assert_eq!(once.len(), trades.len(), "{fault:?}: a trade was told twice");
    }
    // What is lost of a connection that goes on can be seen where the venue counts its trades.
    let counted = matches!(E::PLACES[0].language, Language::Binance(_) | Language::Kraken);
    if counted || fault != Fault::Malformed {
        let missed = simulation.world.account_for_trades();
        println!("{}: {missed} trades missed, and told so", E::ABOUT.name);
        // Binance is asked for what was missed.
        assert!(missed == 0 || !matches!(E::PLACES[0].language, Language::Binance(_)), "{:?}", simulation.world.gaps);
    }
    let times = &mut simulation.times_to_live_ns;
    times.sort_unstable();
    let ms = |at: usize| times.get(at).map_or(0, |ns| ns / 1_000_000);
    println!(
        "{} {fault:?}: {} made, {} times down, live again after {} ms (median), {} ms (longest); {} comparisons",
        E::ABOUT.name,
        simulation.state.venue.faults.made(fault),
        times.len(),
        ms(times.len() / 2),
        ms(times.len().saturating_sub(1)),
        simulation.compared,
    );
    simulation
}

/// All that every venue must survive.
fn survives_all<E: Exchange>(sees_loss: bool) {
    let gap = survives::<E>(Fault::Gap, 40, 10);
    assert_eq!(sees_loss, !gap.times_to_live_ns.is_empty(), "a lost change is seen");
    survives::<E>(Fault::Duplicate, 20, 10);
    survives::<E>(Fault::Reorder, 40, 10);
    survives::<E>(Fault::Malformed, 50, 10);
    // The connection's patience, and the delay before the next one.
    survives::<E>(Fault::Mute, 0, 60);
    survives::<E>(Fault::Disconnect, 500, 20);
}

#[test]
fn binance_survives() {
    survives_all::<Binance>(true);
    // Its snapshots come over HTTP: too old, refused, or not at all, while gaps make it ask for them.
    for fault in [Fault::LateSnapshot, Fault::BadGateway, Fault::TooManyRequests] {
        let mut simulation = live::<Binance>();
        simulation.fault(Fault::Gap, Rule { every: 0, next: 1 });
        simulation.fault(fault, Rule { every: 0, next: 2 });
        simulation.run(10);
        assert!(simulation.made(fault) > 0, "{fault:?} was never made");
        // Each refusal may say to wait for the minute's end.
        simulation.run(130);
        assert!(simulation.is_live(), "{fault:?}: {:?}", simulation.world.cell.counters());
        println!("{fault:?}: live again after {:?} ns", simulation.times_to_live_ns);
    }
    survives::<Binance>(Fault::ServerShutdown, 500, 20);
}

#[test]
fn kraken_survives() {
    survives_all::<Kraken>(true);
}

#[test]
fn okx_survives() {
    survives_all::<Okx>(true);
}

#[test]
fn hyperliquid_survives() {
    // Its blocks are whole: a lost one is made good by the next.
    survives_all::<Hyperliquid>(false);
}

#[test]
fn wrong_checksums_are_seen() {
    for failures in [
        survives::<Kraken>(Fault::Checksum, 50, 10).world.cell.counters().get("checksum_failures"),
        survives::<Okx>(Fault::Checksum, 50, 10).world.cell.counters().get("checksum_failures"),
    ] {
        assert!(failures > 0);
    }
}

#[test]
fn everything_at_once_is_survived() {
    fn all<E: Exchange>() {
        let mut simulation = live::<E>();
        let faults =
            [Fault::Gap, Fault::Duplicate, Fault::Reorder, Fault::Checksum, Fault::Malformed, Fault::Disconnect];
        for (fault, every) in faults.into_iter().zip([97, 89, 83, 101, 73, 1_009]) {
            simulation.fault(fault, Rule { every, next: 0 });
        }
        simulation.run(60);
        for fault in faults {
            simulation.fault(fault, Rule::default());
        }
        simulation.run(60);
        assert!(simulation.is_live(), "{}: {:?}", E::ABOUT.name, simulation.world.cell.counters());
    }
    all::<Binance>();
    all::<Kraken>();
    all::<Okx>();
    all::<Hyperliquid>();
}

#[test]
fn each_kind_of_message_arrives() {
    fn kinds<E: Exchange>(expected: &[&str]) {
        let mut simulation = live::<E>();
        simulation.run(70);
        for kind in expected {
            assert!(
                simulation.world.counts.contains_key(kind),
                "{}: {kind} of {:?}",
                E::ABOUT.name,
                simulation.world.counts
            );
        }
        assert_eq!(simulation.world.cell.counters().get("bad_payload"), 0);
        assert_eq!(simulation.world.cell.counters().get("refused_requests"), 0);
    }
    let spot = ["book_snapshot", "book_delta", "trade", "quote", "candle", "instrument_info", "venue_status"];
    kinds::<Binance>(&spot);
    kinds::<Kraken>(&spot);
    kinds::<Okx>(&[&spot[..], &["mark", "open_interest"]].concat());
    kinds::<Hyperliquid>(&[&spot[..], &["mark", "open_interest"]].concat());
}

/// Connections that live a minute: another one takes over before each ends.
fn renews<E: Exchange>() {
    let settings = Settings::<E> { connection_life_s: 50, ..Settings::default() };
    let mut simulation = Simulation::with::<E>(seed(), settings);
    simulation.life_ns = 60 * 1_000_000_000;
    simulation.run(10);
    assert!(simulation.is_live(), "{:?}", simulation.world.counts);
    let (broken, disconnects) = (simulation.world.live.1, simulation.world.cell.counters().get("disconnects"));
    simulation.run(170);
    let counters = simulation.world.cell.counters();
    assert!(counters.get("renewals") >= 3, "{counters:?}");
    assert_eq!(counters.get("disconnects"), disconnects, "no connection lived to be cut off: {counters:?}");
    assert_eq!(simulation.world.live.1, broken, "no book was ever not live");
    for (instrument, trades) in &simulation.world.trades {
        let whole = trades.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(whole, "{instrument}: each trade once and in order: {trades:?}");
    }
    println!("{}: {counters:?}, {} comparisons", E::ABOUT.name, simulation.compared);
}

#[test]
fn another_connection_takes_over_before_the_venue_cuts_it_off() {
    renews::<Binance>();
    renews::<Kraken>();
    renews::<Okx>();
    renews::<Hyperliquid>();
}

#[test]
fn a_book_that_falls_silent_alone_is_seen() {
    fn sees<E: Exchange>() {
        let mut simulation = live::<E>();
        simulation.run(20);
        let broken = simulation.world.live.1;
        simulation.fault(Fault::MuteStream, Rule { every: 0, next: 1 });
        simulation.run(30);
        assert_eq!(simulation.made(Fault::MuteStream), 1);
        assert!(simulation.is_live(), "{}: {:?}", E::ABOUT.name, simulation.world.cell.counters());
        println!("{}: live again after {:?} ns", E::ABOUT.name, simulation.times_to_live_ns);
        assert!(simulation.world.live.1 > broken, "its book was told to be suspect");
        assert_eq!(simulation.world.cell.counters().get("disconnects"), 0, "the connection was well");
    }
    sees::<Binance>();
    sees::<Kraken>();
    sees::<Okx>();
    sees::<Hyperliquid>();
}

#[test]
fn what_nobody_can_read_changes_nothing() {
    fn survives<E: Exchange>() {
        let mut simulation = live::<E>();
        let broken = simulation.world.live.1;
        let large = format!("{{\"channel\":\"news\",\"text\":\"{}\"}}", "x".repeat(900_000));
        let deep = "[".repeat(100_000);
        let frames: [&[u8]; 10] = [
            b"",
            b"\x00\xff\xfe",
            b"null",
            b"{",
            b"{\"channel\":\"news\",\"data\":{\"a\":[1,2]}}",
            b"{\"stream\":\"btcusdt@news\",\"data\":{\"e\":\"news\"}}",
            b"{\"arg\":{\"channel\":\"news\",\"instId\":\"BTC-USDT\"},\"data\":[]}",
            b"<html>502 Bad Gateway</html>",
            large.as_bytes(),
            deep.as_bytes(),
        ];
        for frame in frames {
            simulation.inject(frame);
            simulation.run(1);
        }
        let counters = simulation.world.cell.counters();
        assert!(counters.get("bad_payload") > 0 && counters.get("unknown_kinds") > 0, "{counters:?}");
        assert_eq!((simulation.world.live.1, counters.get("disconnects")), (broken, 0), "{counters:?}");
        assert!(simulation.is_live());
    }
    survives::<Binance>();
    survives::<Kraken>();
    survives::<Okx>();
    survives::<Hyperliquid>();
}

#[test]
fn a_venue_that_refuses_is_not_stormed() {
    fn refuses<E: Exchange>() {
        let mut simulation = live::<E>();
        simulation.refuses = true;
        let before = simulation.connects;
        simulation.hang_up();
        simulation.run(120);
        let (tries, links) = (simulation.connects - before, before);
        println!("{}: {tries} tries of {links} connections in two minutes", E::ABOUT.name);
        assert!(tries >= 4 * links && tries <= 15 * links, "{tries} tries of {links} connections");
        assert!(simulation.world.books.values().all(|book| book.health() != BookHealth::Live));
        simulation.refuses = false;
        simulation.run(40);
        assert!(simulation.is_live(), "{}: {:?}", E::ABOUT.name, simulation.world.cell.counters());
    }
    refuses::<Binance>();
    refuses::<Kraken>();
    refuses::<Okx>();
    refuses::<Hyperliquid>();
}

#[test]
fn a_venue_s_clock_may_be_another_one() {
    fn skewed<E: Exchange>() {
        let mut simulation = Simulation::at::<E>(seed(), Settings::default(), 5_000_000_000);
        simulation.run(10);
        assert!(simulation.is_live(), "{:?}", simulation.world.counts);
        let broken = simulation.world.live.1;
        simulation.run(20);
        assert!(simulation.is_live() && simulation.compared > 1_000);
        assert_eq!(simulation.world.live.1, broken, "a clock is no reason to doubt a book");
    }
    skewed::<Binance>();
    skewed::<Kraken>();
    skewed::<Okx>();
    skewed::<Hyperliquid>();
}
