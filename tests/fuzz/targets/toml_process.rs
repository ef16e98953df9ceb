//! A process's configuration from any text and environment: what holds in the end reads as itself; an error has its place.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_config::ProcessConfig;
use toml::Table;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    // After the first zero: the value of an environment variable that overrides a setting.
    let (text, value) = text.split_once('\0').map_or((text, None), |(text, value)| (text, Some(value)));
    let environment = value.map(|value| ("ALPHAMESH__X__KEY__INNER".to_owned(), value.to_owned()));
    match ProcessConfig::parse::<Table>("x.toml", text, environment) {
        Ok((config, _)) => {
            let effective = config.effective("x.toml", text).expect("the text that was parsed");
            let (again, _) =
                ProcessConfig::parse::<Table>("x.toml", &effective, None).expect("what holds is read again");
            assert_eq!(again.effective("x.toml", &effective).expect("the same"), effective);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("x.toml") || text.starts_with("environment"), "{text}");
        }
    }
});
