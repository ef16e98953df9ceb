//! A topology from any text: it is read, or each error names a place of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_topology::Topology;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    match Topology::parse("topology.toml", text) {
        Ok(topology) => {
            let mut order = topology.start_order();
            order.sort_unstable();
            assert_eq!(order, (0..topology.processes.len()).collect::<Vec<_>>(), "everything starts, once");
            assert!(topology.names().all(|name| topology.process(name).is_some()));
        }
        Err(problems) => {
            assert!(!problems.errors().is_empty());
            assert!(problems.errors().iter().all(|error| error.to_string().starts_with("topology.toml")));
        }
    }
});
