//! `mesh status`.

use mesh_topology::Layout;

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::survey;

/// Shows how everything is; exit code 0 only when all that should run is ready.
pub(crate) async fn status(layout: &Layout, json: bool) -> Outcome {
    let report = survey::report(layout).await?;
    let mut console = Console::new();
    if report.supervisor.is_none() && report.runs() {
        warn(
            "the supervisor is dead: the processes go on, and none is started again until `./manage.sh up` adopts them",
        );
    }
    let ready = report.is_ready();
    if json {
        console.line(report.to_json().to_string())?;
        return if ready { Ok(()) } else { Err(Failure::Silent) };
    }
    if report.processes.is_empty() {
        return Err(Failure::bad(format!(
            "no mesh was started in {}; `./manage.sh up` starts one",
            layout.home().display()
        )));
    }
    let (tone, word) = match (ready, report.runs()) {
        (true, _) => (Tone::Good, "ready"),
        (false, true) => (Tone::Warn, "not ready"),
        (false, false) => (Tone::Dim, "down"),
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    console.line(format!(
        "mesh {}  profile {}  mode {}  {}",
        report.id.unwrap_or_default(),
        text(&report.profile),
        text(&report.mode),
        console.paint(tone, word)
    ))?;
    for switch in &report.kill_switches {
        console.line(console.paint(Tone::Bad, &switch.text()))?;
    }
    if !layout.run().starts_with(layout.home()) {
        console.line(format!("sockets in {} (the home's path is too long for sockets)", layout.run().display()))?;
    }
    console.line("")?;
    console.table(&report.rows())?;
    if ready { Ok(()) } else { Err(Failure::Silent) }
}

#[expect(clippy::print_stderr, reason = "beside the JSON on standard output, a person should see it")]
fn warn(text: &str) {
    eprintln!("warning: {text}");
}
