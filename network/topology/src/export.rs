//! The same topology for those who let systemd or a container engine supervise: files, as name and text.
//!
//! Neither waits for readiness as `mesh` does; it need not, since clients reconnect.

use std::path::Path;

use crate::layout::Layout;
use crate::model::{Policy, ProcessSpec, Topology};

/// A file to write: its path below the output directory, and its text.
pub type OutputFile = (String, String);

/// Where things are on the machine that will run it.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The home of the mesh.
    pub layout: &'a Layout,
    /// The directory of binaries.
    pub binaries: &'a Path,
    /// The directory that the files are written to.
    pub out: &'a Path,
    /// The user and group that it runs as.
    pub user: (u32, u32),
}

/// One systemd service a process, and a target that starts them all.
pub fn systemd(topology: &Topology, place: &Place<'_>) -> Vec<OutputFile> {
    let prefix = format!("alphamesh-{}", topology.profile);
    let target = format!("{prefix}.target");
    let units: Vec<String> = topology.names().map(|name| format!("{prefix}-{name}.service")).collect();
    let mut files: Vec<OutputFile> = topology
        .start_order()
        .into_iter()
        .filter_map(|index| Some((topology.processes.get(index)?, units.get(index)?)))
        .map(|(process, unit)| (unit.clone(), systemd_service(process, &prefix, place)))
        .collect();
    files.push((
        target,
        format!(
            "[Unit]\nDescription=Alphamesh {}\nWants={}\n\n[Install]\nWantedBy=multi-user.target\n",
            topology.profile,
            units.join(" ")
        ),
    ));
    files
}

fn systemd_service(process: &ProcessSpec, prefix: &str, place: &Place<'_>) -> String {
    let needs: Vec<String> = process.needs.iter().map(|need| format!("{prefix}-{need}.service")).collect();
    let mut unit = format!(
        "[Unit]\nDescription=Alphamesh {} ({})\nPartOf={prefix}.target\nAfter=network-online.target {}\n",
        process.name,
        process.kind,
        needs.join(" ")
    );
    if !needs.is_empty() {
        unit += &format!("Wants={}\n", needs.join(" "));
    }
    unit += &format!(
        "StartLimitIntervalSec={}ms\nStartLimitBurst={}\n\n[Service]\nType=simple\nUser={}\nGroup={}\nUMask=0077\n",
        process.restart.window_ms, process.restart.give_up_after, place.user.0, place.user.1
    );
    unit += &format!(
        "WorkingDirectory={}\nExecStart={} --config {} --log-format json\n",
        systemd_escape(place.layout.home()),
        systemd_quote(&place.binaries.join(&process.binary)),
        systemd_quote(&place.out.join(config_name(process)))
    );
    unit += &format!(
        "Restart={}\nRestartSec={}ms\nRestartPreventExitStatus=2\nTimeoutStopSec={}ms\n",
        match process.restart.policy {
            Policy::Always => "always",
            Policy::OnFailure => "on-failure",
            Policy::Never => "no",
        },
        process.restart.backoff_min_ms,
        process.limits.stop_timeout_ms
    );
    let limits = [
        ("LimitNOFILE", process.limits.nofile),
        ("MemoryHigh", process.limits.rss_warn_bytes),
        ("MemoryMax", process.limits.rss_kill_bytes),
    ];
    for (key, value) in limits.into_iter().filter(|(_, value)| *value > 0) {
        unit += &format!("{key}={value}\n");
    }
    unit += "NoNewPrivileges=true\nProtectSystem=strict\nProtectKernelTunables=true\nRestrictSUIDSGID=true\n";
    unit += &format!("ReadWritePaths={}", systemd_quote(place.layout.home()));
    if !place.layout.run().starts_with(place.layout.home()) {
        unit += &format!(" {}", systemd_quote(place.layout.run()));
    }
    unit + "\n\n[Install]\nWantedBy=" + prefix + ".target\n"
}

fn systemd_escape(path: &Path) -> String {
    path.display().to_string().replace('%', "%%")
}

fn systemd_quote(path: &Path) -> String {
    format!("\"{}\"", systemd_escape(path).replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
}

/// A compose file: one container a process, all with the same home and the binaries of this machine.
pub fn compose(topology: &Topology, place: &Place<'_>) -> Vec<OutputFile> {
    let mut text = format!("# Alphamesh, profile {}: docker compose up\nservices:\n", topology.profile);
    for process in topology.start_order().into_iter().filter_map(|index| topology.processes.get(index)) {
        text += &compose_service(process, place);
    }
    vec![("compose.yaml".to_owned(), text)]
}

fn compose_service(process: &ProcessSpec, place: &Place<'_>) -> String {
    let (home, run) = (place.layout.home(), place.layout.run());
    let binary = place.binaries.join(&process.binary);
    let config = place.out.join(config_name(process));
    let mut text = format!("  {}:\n    image: debian:bookworm-slim\n", process.name);
    text += &format!("    user: \"{}:{}\"\n", place.user.0, place.user.1);
    text += "    # Loopback ports and the peers' user ids are those of this machine.\n    network_mode: host\n";
    text += &format!(
        "    command: [{}, \"--config\", {}, \"--log-format\", \"json\"]\n",
        yaml(&binary.display().to_string()),
        yaml(&config.display().to_string())
    );
    text += "    volumes:\n";
    let writable = [Some(home), (!run.starts_with(home)).then_some(run)];
    for (path, mode) in writable.into_iter().flatten().map(|path| (path, "rw")).chain([
        (place.binaries, "ro"),
        (place.out, "ro"),
        (Path::new("/etc/ssl/certs"), "ro"),
    ]) {
        let path = path.display();
        text += &format!("      - {}\n", yaml(&format!("{path}:{path}:{mode}")));
    }
    text += &format!(
        "    restart: {}\n    stop_grace_period: {}ms\n",
        yaml(match process.restart.policy {
            Policy::Always => "always",
            Policy::OnFailure => "on-failure",
            Policy::Never => "no",
        }),
        process.limits.stop_timeout_ms
    );
    if process.limits.rss_kill_bytes > 0 {
        text += &format!("    mem_limit: {}\n", process.limits.rss_kill_bytes);
    }
    if process.limits.nofile > 0 {
        text += &format!("    ulimits:\n      nofile: {}\n", process.limits.nofile);
    }
    if !process.needs.is_empty() {
        text += &format!("    depends_on: [{}]\n", process.needs.join(", "));
    }
    text
}

/// A YAML scalar: JSON's strings are YAML's.
fn yaml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
}

/// Where an exported process's configuration lies below the output directory.
pub fn config_name(process: &ProcessSpec) -> String {
    format!("config/{}.toml", process.name)
}
