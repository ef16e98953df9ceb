//! A venue that misbehaves: consumers are told at once, the book heals, and nothing ends.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use serde_json::Value;
use test_e2e::Mesh;

/// Times that a fault was made.
fn made(mesh: &Mesh, fault: &str) -> u64 {
    mesh.switch_faults("{}")[fault]["made"].as_u64().unwrap_or(0)
}

/// Books that were published in a state, so far.
fn books(mesh: &Mesh, health: &str) -> usize {
    let mut books = mesh.captured("book_snapshot");
    books.extend(mesh.captured("book_delta"));
    books.iter().filter(|book| Mesh::body(book)["health"] == health).count()
}

fn bad_input(mesh: &Mesh) -> u64 {
    let counts = mesh.process_status("adapter-binance")["bad_input"].clone();
    counts.as_object().map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum())
}

#[test]
fn a_venue_that_misbehaves_is_told_of_and_healed() {
    let mesh = Mesh::up(&[("ADAPTER_BINANCE", "SILENCE_MS", "1500"), ("ADAPTER_BINANCE", "SYMBOLS", "[\"BTCUSDT\"]")]);
    let pids = mesh.pids();
    mesh.wait("a live book", || books(&mesh, "live") > 0);
    for (fault, breaks_book) in [
        ("gap", true),
        ("duplicate", false),
        ("malformed", false),
        ("late_snapshot", true),
        ("bad_gateway", true),
        ("too_many_requests", true),
        ("disconnect", true),
        ("server_shutdown", true),
        ("mute", true),
    ] {
        let (before, bad) = (made(&mesh, fault), bad_input(&mesh));
        let (live, broken) = (books(&mesh, "live"), books(&mesh, "suspect"));
        mesh.switch_faults(&format!("{{\"{fault}\":{{\"next\":1}}}}"));
        if matches!(fault, "late_snapshot" | "bad_gateway" | "too_many_requests") {
            // These are of requests: a gap makes the adapter ask.
            mesh.switch_faults("{\"gap\":{\"next\":1}}");
        }
        mesh.wait(fault, || made(&mesh, fault) > before);
        if breaks_book {
            mesh.wait(&format!("consumers to hear of {fault}"), || books(&mesh, "suspect") > broken);
        }
        if fault == "malformed" {
            mesh.wait("the damaged payload to be counted", || bad_input(&mesh) > bad);
        }
        mesh.wait(&format!("a live book after {fault}"), || books(&mesh, "live") > live + 5);
        mesh.wait("readiness", || mesh.status()["mesh"]["ready"] == true);
    }
    assert_eq!(mesh.pids(), pids, "nobody was started again");
}
