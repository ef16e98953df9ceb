//! The proof that risk has allowed something.

/// Holds what risk has approved. Only [`RiskGate::check`](crate::RiskGate::check) makes one, so whoever asks for it can't be
/// given anything else:
///
/// ```compile_fail
/// let order = mesh_risk::RiskApproved { value: 1 };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct RiskApproved<T> {
    value: T,
}

impl<T> RiskApproved<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value }
    }

    /// What was approved.
    pub const fn get(&self) -> &T {
        &self.value
    }
}
