#![doc = include_str!("../README.md")]

pub mod decimal;
pub mod enums;
pub mod execution;
pub mod fixed;
pub mod ids;
pub mod instrument;
pub mod limits;
pub mod market;
pub mod research;
pub mod risk;
pub mod signal;
pub mod system;
pub mod wire;

pub use decimal::{Decimal64, DecimalError, PackedDecimal, Rounding};
pub use enums::{
    BookHealth, CancelReason, Confidence, Domain, FigureKind, Gate, InstrumentStatus, KillLevel, LogoutReason, Mode,
    OrderState, OrderType, Outcome, RejectReason, Role, Scope, Side, SignalAction, SweepState, TimeInForce,
    TriggerKind, Unit, VenueState,
};
pub use fixed::{FixedStr, FixedVec, Full};
pub use ids::{ClientOrderId, MessageId, SourceId};
pub use instrument::{InstrumentError, InstrumentId, InstrumentKind, Venue};
