//! The simulated venue's process.

use std::process::ExitCode;
use std::sync::Arc;

use mesh_runtime::process::Process;
use mesh_runtime::{About, BoxError};
use serde_json::json;
use simvenue::server::Server;
use simvenue::settings::Settings;

const ABOUT: About = About {
    name: "simvenue",
    kind: "venue",
    about: "A simulated exchange that speaks the protocols of Binance, Kraken, OKX and Hyperliquid, from a seeded generator or a recording",
};

fn main() -> ExitCode {
    mesh_runtime::run::<Settings>(&ABOUT, |process| {
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?.block_on(serve(process))
    })
}

async fn serve(process: Process<Settings>) -> Result<(), BoxError> {
    let file = process.config.mesh.run_dir().join(format!("{}.addr", process.config.process.name));
    // A run that ended badly leaves its file, with an address that is not ours.
    let _ = std::fs::remove_file(&file);
    let server = Server::bind(process.settings, Arc::clone(&process.status)).await?;
    let address = server.address()?;
    // Written beside and moved, so that nobody reads half of it.
    let part = file.with_extension("addr.part");
    std::fs::write(&part, address.to_string())?;
    std::fs::rename(&part, &file)?;
    process.status.set_detail("address", json!(address.to_string()));
    process.status.set_ready(true);
    tracing::info!(%address, "listening");
    let shutdown = process.shutdown.clone();
    let (asked, stop) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        shutdown.wait();
        // The server may have failed before.
        let _ = asked.send(());
    });
    let served = server.serve(async { drop(stop.await) }).await;
    let _ = std::fs::remove_file(&file);
    Ok(served?)
}
