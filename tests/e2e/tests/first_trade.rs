//! A newcomer's mesh: market messages flow through separate processes to a paper fill, and the fill leads back to the
//! packet that caused it; then the run is repeated from its journals, bit for bit.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use serde_json::Value;
use test_e2e::{Mesh, audit};

const ACTORS: [&str; 4] = ["adapter-binance", "strategy-momentum", "portfolio", "executor-paper"];

#[test]
fn market_messages_become_a_fill_that_leads_back_to_its_packet() {
    let mesh = Mesh::up(&[]);
    status_is_as_promised(&mesh.status());
    tap_is_as_promised(&mesh.json_lines(&["tap", "market", "--type", "trade", "-n", "1", "--json"]));
    mesh.wait("a fill", || !mesh.captured("fill").is_empty());
    for kind in [
        "trade",
        "quote",
        "book_snapshot",
        "book_delta",
        "candle",
        "instrument_info",
        "signal",
        "intent",
        "order_request",
        "order_accepted",
        "fill",
    ] {
        mesh.wait(kind, || !mesh.captured(kind).is_empty());
    }
    let fill = mesh.captured("fill").swap_remove(0);
    let order = Mesh::body(&fill)["client_order_id"].as_str().expect("an id").to_owned();
    let mut hops = Vec::new();
    mesh.wait("the trace of the fill", || {
        hops = mesh.json_lines(&["trace", &order, "--json"]);
        hops.iter().any(|hop| hop.to_string().contains("packet"))
    });
    let text = Value::from(hops).to_string();
    for kind in ["fill", "order_request", "signal", "candle", "packet"] {
        assert!(text.contains(kind), "{kind} is on the way: {text}");
    }
    mesh.down();
    audit::assert_sound(&mesh);
    journals_repeat(&mesh);
}

/// The contract of `status --json`.
fn status_is_as_promised(status: &Value) {
    assert_eq!(status["mesh"]["ready"], true, "{status}");
    assert_eq!(status["mesh"]["mode"], "paper");
    assert_eq!(status["mesh"]["profile"], "paper");
    let processes = status["processes"].as_array().expect("processes");
    assert_eq!(processes.len(), 10);
    for process in processes {
        assert_eq!(process["state"], "ready", "{process}");
        for number in ["pid", "uptime_s", "restarts", "rss_bytes", "messages_in", "messages_out", "dropped", "lag_ns"] {
            assert!(process[number].is_u64(), "{number} in {process}");
        }
        let rss = process["rss_bytes"].as_u64().expect("a number");
        assert!(rss < 30 << 20, "{} takes {rss} bytes", process["name"]);
    }
}

/// The contract of `tap --json`: what `decode` prints.
fn tap_is_as_promised(lines: &[Value]) {
    let [line] = lines else { panic!("one line: {lines:?}") };
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(line), ["domain", "sequence", "source", "timestamp_ns", "tlvs"]);
    assert_eq!((&line["domain"], &line["source"]), (&"market".into(), &10.into()));
    let trade = &line["tlvs"][0];
    let body = ["instrument", "name", "price", "quantity", "received_ns", "side", "trade_id", "type", "venue_ns"];
    assert_eq!(keys(trade), body);
    assert!(["buy", "sell"].contains(&trade["side"].as_str().expect("a side")), "{trade}");
    assert!(trade["price"].is_string() && trade["received_ns"].is_u64(), "{trade}");
}

/// Every actor's journal gives the same outputs and the same state again.
fn journals_repeat(mesh: &Mesh) {
    for name in ACTORS {
        let journals = std::fs::read_dir(mesh.home().join("journal").join(name)).expect("a journal");
        let run = journals.map(|entry| entry.expect("an entry").path()).next().expect("a run");
        let config = run.join("config.toml");
        let output = std::process::Command::new(mesh.binary(name))
            .arg("--config")
            .arg(config)
            .arg("--replay")
            .arg(&run)
            .output()
            .expect("the replay runs");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(report["identical"], true, "{name}: {report}");
        assert_eq!(report["journal_ending"], "finished", "{name}: {report}");
        assert!(report["outputs"].as_u64() > Some(0), "{name}: {report}");
        assert!(output.status.success());
        let said = String::from_utf8_lossy(&mesh.run(&["replay", name]).stdout).into_owned();
        assert!(said.contains("did the same again, bit for bit"), "{name}: {said}");
        assert_eq!(mesh.json_lines(&["replay", name, "--json"])[0]["identical"], true);
    }
}
