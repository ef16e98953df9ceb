//! What can be set.

use mesh_capture::WriterLimits;
use mesh_capture::recording::RecordingLimits;
use serde::Deserialize;

const MIB: u64 = 1 << 20;
const SECOND_NS: u64 = 1_000_000_000;

/// The recorder's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecorderSettings {
    /// A segment is sealed at this size.
    segment_bytes: u64,
    /// A segment is sealed at this age.
    segment_seconds: u64,
    /// A run is sealed, and the next begun, at this size.
    run_bytes: u64,
    /// The oldest runs are deleted when all together are larger.
    max_total_bytes: u64,
    /// Bytes that may wait while the disk takes nothing.
    buffer_bytes: usize,
    /// How often what was written is made durable.
    sync_interval_ms: u64,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * MIB,
            segment_seconds: 900,
            run_bytes: 512 * MIB,
            max_total_bytes: 4096 * MIB,
            buffer_bytes: 8 << 20,
            sync_interval_ms: 1000,
        }
    }
}

impl RecorderSettings {
    pub(crate) fn limits(&self) -> RecordingLimits {
        RecordingLimits {
            writer: WriterLimits {
                segment_bytes: self.segment_bytes,
                segment_ns: self.segment_seconds.saturating_mul(SECOND_NS),
                buffer_bytes: self.buffer_bytes,
            },
            run_bytes: self.run_bytes,
            total_bytes: self.max_total_bytes,
            sync_ns: self.sync_interval_ms.saturating_mul(1_000_000),
            retry_ns: SECOND_NS,
        }
    }
}

impl mesh_runtime::Settings for RecorderSettings {
    fn validate(&self) -> Result<(), String> {
        let Self { segment_bytes, run_bytes, max_total_bytes, buffer_bytes, .. } = *self;
        if !(MIB..=1024 * MIB).contains(&segment_bytes) {
            return Err(format!("segment_bytes: expected 1 MiB to 1 GiB, found {segment_bytes}"));
        }
        if segment_bytes > run_bytes || run_bytes > max_total_bytes {
            return Err(format!(
                "expected segment_bytes <= run_bytes <= max_total_bytes, found {segment_bytes}, {run_bytes}, {max_total_bytes}"
            ));
        }
        // Two of the largest messages, so that one is never refused while the disk is well.
        if !(2 * MIB..=256 * MIB).contains(&(buffer_bytes as u64)) {
            return Err(format!("buffer_bytes: expected 2 MiB to 256 MiB, found {buffer_bytes}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_runtime::Settings;

    #[test]
    fn the_defaults_are_valid_and_bad_values_say_what_is_expected() {
        assert_eq!(RecorderSettings::default().validate(), Ok(()));
        let refused = |settings: RecorderSettings| settings.validate().expect_err("refused");
        let default = RecorderSettings::default;
        assert!(refused(RecorderSettings { segment_bytes: 5, ..default() }).contains("1 MiB to 1 GiB"));
        assert!(refused(RecorderSettings { run_bytes: MIB, ..default() }).contains("segment_bytes <= run_bytes"));
        assert!(refused(RecorderSettings { buffer_bytes: 1, ..default() }).contains("2 MiB"));
    }
}
