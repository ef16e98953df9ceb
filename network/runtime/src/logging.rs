//! Structured logs on standard error: for people or as JSON lines. `ALPHAMESH_LOG` sets the level, as `info` or
//! `mesh_transport=debug,info`.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line for people; colours only on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// Starts logging; a second call changes nothing.
pub fn start(format: LogFormat) {
    let filter = || {
        EnvFilter::builder()
            .with_default_directive(tracing::Level::INFO.into())
            .with_env_var("ALPHAMESH_LOG")
            .from_env_lossy()
    };
    let builder =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter()).with_timer(SystemTime);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // The one failure is that a subscriber is set already.
    let _ = match format {
        LogFormat::Human => builder.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => builder.with_ansi(false).json().flatten_event(true).try_init(),
    };
}

/// From now on a panic is logged, and ends the process: starting again is the recovery.
pub fn abort_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        tracing::error!(panic = %info, "a broken invariant: the process ends, and is to be started again");
        std::process::abort();
    }));
}
