#![doc = include_str!("../README.md")]

mod http;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use mesh_venues::binance::flatten::{Done, Flatten, Next};
use mesh_venues::binance::format::Method;
use mesh_venues::binance::sign::Credentials;
use serde_json::json;

use http::Venue;

const KEY: &str = "ALPHAMESH_BINANCE_API_KEY";
const SECRET: &str = "ALPHAMESH_BINANCE_API_SECRET";

/// Takes back every order and sells every asset but the quote, at the venue itself; needs nothing of the mesh.
///
/// The keys are read from ALPHAMESH_BINANCE_API_KEY and ALPHAMESH_BINANCE_API_SECRET.
#[derive(Debug, Parser)]
#[command(name = "mesh flatten", version, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 the account is flat, 1 it is not, 2 wrong usage.")]
struct Options {
    /// The venue's address
    #[arg(long, default_value = "https://api.binance.com", value_name = "URL")]
    url: String,
    /// What everything is sold into
    #[arg(long, default_value = "USDT", value_name = "ASSET")]
    quote: String,
    /// An asset to keep; more than once for more
    #[arg(long, value_name = "ASSET")]
    keep: Vec<String>,
    /// Do it; without this it only looks
    #[arg(long)]
    yes: bool,
    /// Seconds after which it gives up
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    timeout: u64,
    /// The result as JSON, and nothing else
    #[arg(long)]
    json: bool,
}

/// How it ended.
enum Ended {
    /// Nothing is left to do.
    Flat,
    /// It stopped before the first request that changes something.
    Looked(String),
    /// Not all could be done.
    Failed(String),
}

fn main() -> ExitCode {
    let options = Options::parse();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(key), Some(secret)) = (variable(KEY), variable(SECRET)) else {
        complain(&format!("expected the account's keys in {KEY} and {SECRET}"));
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let venue = Venue::new(&options.url, Credentials::new(key.into(), secret.into()));
    let (runtime, venue) = match (runtime, venue) {
        (Ok(runtime), Ok(venue)) => (runtime, venue),
        (Err(error), _) => return fail(&error.to_string()),
        (_, Err(error)) => return fail(&error),
    };
    let mut flatten = Flatten::new(&options.quote, &options.keep, &format!("flat-{}", now_ms()));
    let ended = runtime.block_on(run(&mut flatten, &venue, &options));
    let code = match &ended {
        Ended::Failed(_) | Ended::Looked(_) => ExitCode::from(1),
        Ended::Flat if flatten.done().left.iter().any(|left| !left.is_dust) => ExitCode::from(1),
        Ended::Flat => ExitCode::SUCCESS,
    };
    // Whoever reads may have stopped; what was done is done.
    let _ = tell(flatten.done(), &ended, options.json);
    code
}

fn fail(text: &str) -> ExitCode {
    complain(text);
    ExitCode::from(2)
}

#[expect(clippy::print_stderr, reason = "this is where the program says why it failed")]
fn complain(text: &str) {
    eprintln!("mesh flatten: {text}");
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn run(flatten: &mut Flatten, venue: &Venue, options: &Options) -> Ended {
    let deadline = Instant::now() + Duration::from_secs(options.timeout);
    loop {
        if Instant::now() > deadline {
            return Ended::Failed(format!("it was not done within {} s; run it again", options.timeout));
        }
        match flatten.next_step() {
            Next::Done => return Ended::Flat,
            Next::Failed(reason) => return Ended::Failed(reason),
            Next::Wait { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Next::Send(request) if request.method != Method::Get && !options.yes => {
                let what = format!("{} {}?{}", request.method.name(), request.path, request.query.as_str());
                return Ended::Looked(what);
            }
            Next::Send(request) => match venue.send(&request, flatten.venue_ms(now_ms())).await {
                Ok(body) => flatten.on_answer(&body, now_ms()),
                Err((error, retry_after_s)) => {
                    if !options.json {
                        complain(&format!("{} {}: {error}", request.method.name(), request.path));
                    }
                    flatten.on_error(&error, retry_after_s);
                }
            },
        }
    }
}

fn tell(done: &Done, ended: &Ended, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (flat, problem, next) = match ended {
        Ended::Flat => (done.left.iter().all(|left| left.is_dust), None, None),
        Ended::Looked(next) => (false, None, Some(next)),
        Ended::Failed(reason) => (false, Some(reason), None),
    };
    if as_json {
        let sold =
            done.sold.iter().map(|(symbol, quantity)| json!({"symbol": symbol, "quantity": quantity.to_string()}));
        let left = done.left.iter().map(|left| {
            json!({"asset": left.asset, "quantity": left.quantity.to_string(), "dust": left.is_dust, "why": left.why})
        });
        let report = json!({
            "flat": flat,
            "cancelled": done.cancelled,
            "sold": sold.collect::<Vec<_>>(),
            "left": left.collect::<Vec<_>>(),
            "problem": problem,
            "next": next,
        });
        return writeln!(out, "{report}");
    }
    for (symbol, count) in &done.cancelled {
        writeln!(out, "cancelled {count} of {symbol}")?;
    }
    for (symbol, quantity) in &done.sold {
        writeln!(out, "sold {quantity} of {symbol}")?;
    }
    for left in &done.left {
        writeln!(out, "left {} {}: {}", left.quantity, left.asset, left.why)?;
    }
    match (problem, next) {
        (Some(problem), _) => writeln!(out, "not flat: {problem}"),
        (_, Some(next)) => writeln!(out, "nothing was changed; with --yes the first step is {next}"),
        _ if flat => writeln!(out, "flat"),
        _ => writeln!(out, "not flat: something could not be sold"),
    }
}
