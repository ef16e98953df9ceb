//! `mesh check` and `mesh export`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use mesh_topology::export::{self, Place};
use mesh_topology::{Layout, ProcessSpec, profiles, render};
use serde_json::json;

use crate::console::{Console, Tone};
use crate::failure::{Failure, Outcome};
use crate::home::{self, Chosen};

/// What a check found in one process's settings.
struct Verdict<'a> {
    name: &'a str,
    error: Option<String>,
}

/// `mesh check`: the topology was read already; now its binaries, and what each says of its settings.
pub(crate) fn check(layout: &Layout, chosen: &Chosen, json: bool) -> Outcome {
    let binaries = home::binaries()?;
    let topology = &chosen.topology;
    topology
        .check_binaries(&chosen.origin, &chosen.text, &home::programs(&binaries))
        .map_err(|problems| Failure::bad(format!("{problems}\n`./manage.sh build` builds them.")))?;
    let mut verdicts = Vec::new();
    for process in &topology.processes {
        let text = render::process_config(topology, process, 1, layout).map_err(Failure::usage)?;
        verdicts.push(Verdict { name: &process.name, error: ask(process, &binaries, &text)? });
    }
    let good = verdicts.iter().all(|verdict| verdict.error.is_none());
    let mut console = Console::new();
    if json {
        let processes: Vec<_> =
            verdicts.iter().map(|v| json!({"name": v.name, "ok": v.error.is_none(), "error": v.error})).collect();
        console.line(json!({"profile": topology.profile, "ok": good, "processes": processes}).to_string())?;
    } else {
        for verdict in &verdicts {
            match &verdict.error {
                None => console.line(format!("{} {}", console.paint(Tone::Good, "✓"), verdict.name))?,
                Some(error) => console.line(format!("{} {}: {error}", console.paint(Tone::Bad, "✗"), verdict.name))?,
            }
        }
    }
    if good { Ok(()) } else { Err(Failure::Silent) }
}

/// What a binary says of its configuration; `None` where it is good.
fn ask(process: &ProcessSpec, binaries: &Path, text: &str) -> Outcome<Option<String>> {
    const STANDARD_INPUT: &str = "/dev/stdin";
    let mut child = Command::new(binaries.join(&process.binary))
        .args(["--config", STANDARD_INPUT, "--check"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A binary that does not read to the end says why by itself.
        let _ = input.write_all(text.as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
    let last = last.rsplit_once(" error=").map_or(last, |(_, error)| error);
    Ok(Some(last.trim_matches('"').replace(STANDARD_INPUT, &format!("{}.toml", process.name))))
}

/// Loopback endpoints that settings name, as `127.0.0.1:17601`, also within a URL.
pub(crate) fn endpoints(settings: &toml::Table) -> Vec<std::net::SocketAddr> {
    fn walk(value: &toml::Value, found: &mut Vec<std::net::SocketAddr>) {
        match value {
            toml::Value::String(text) => {
                let authority = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
                let authority = authority.split('/').next().unwrap_or_default().replace("localhost", "127.0.0.1");
                found.extend(authority.parse::<std::net::SocketAddr>().ok().filter(|at| at.ip().is_loopback()));
            }
            toml::Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            toml::Value::Table(table) => table.values().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    settings.values().for_each(|value| walk(value, &mut found));
    found
}

/// `mesh profiles`.
pub(crate) fn profiles(name: Option<&str>, json: bool) -> Outcome {
    let mut console = Console::new();
    match name {
        Some(name) => console.line(Chosen::profile(name)?.text.trim_end())?,
        None if json => {
            let list: Vec<_> = profiles::PROFILES.iter().map(|p| json!({"name": p.name, "about": p.about})).collect();
            console.json(&list.into())?;
        }
        None => {
            for profile in profiles::PROFILES {
                console.line(format!("{:<12} {}", profile.name, profile.about))?;
            }
        }
    }
    Ok(())
}

/// What to export to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// systemd units
    Systemd,
    /// A compose file
    Compose,
}

/// `mesh export`: units or a compose file, and each process's configuration, in a directory.
pub(crate) fn export(layout: &Layout, chosen: &Chosen, target: Target, out: &Path) -> Outcome {
    let binaries = home::binaries()?;
    home::create(layout)?;
    let identity = home::claim(layout, chosen.topology.mode)?;
    let out = std::path::absolute(out)?;
    let user = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let place = Place { layout, binaries: &binaries, out: &out, user };
    let mut files = match target {
        Target::Systemd => export::systemd(&chosen.topology, &place),
        Target::Compose => export::compose(&chosen.topology, &place),
    };
    for process in &chosen.topology.processes {
        let text = render::process_config(&chosen.topology, process, identity.id, layout).map_err(Failure::usage)?;
        files.push((export::config_name(process), text));
    }
    std::fs::create_dir_all(out.join("config"))?;
    let mut console = Console::new();
    for (name, text) in files {
        let path = out.join(name);
        home::replace(&path, text.as_bytes())?;
        console.line(path.display().to_string())?;
    }
    let next = match target {
        Target::Systemd => format!(
            "\nThen: systemctl link {0}/*.service {0}/*.target && systemctl start alphamesh-{1}.target",
            out.display(),
            chosen.topology.profile
        ),
        Target::Compose => format!("\nThen: docker compose -f {}/compose.yaml up -d", out.display()),
    };
    Ok(console.line(next)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_endpoints_are_found_wherever_they_stand() {
        let text = r#"
            listen = "127.0.0.1:17601"
            far = "https://api.binance.com"
            name = "x"
            [nested]
            urls = ["ws://localhost:9/ws", "http://[::1]:8/"]
        "#;
        let settings = toml::from_str(text).expect("TOML");
        let ports: Vec<u16> = endpoints(&settings).into_iter().map(|endpoint| endpoint.port()).collect();
        assert_eq!(ports, [17601, 9, 8]);
    }
}
