//! Typed parameters of strategies: one table a strategy, from which the struct, its defaults, its checks and the
//! sweep's search space all come.

use core::fmt;

/// What values a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// Whole numbers.
    Integer,
    /// Any number in the range.
    Real,
    /// 0 or 1.
    Switch,
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamSpec {
    /// Its name, that of the struct's field.
    pub name: &'static str,
    /// Its unit: `bars`, `ATR`, `bp`, `1` for a pure number.
    pub unit: &'static str,
    /// Smallest value allowed.
    pub min: f64,
    /// Largest value allowed.
    pub max: f64,
    /// Value where nothing is said.
    pub default: f64,
    /// What it does.
    pub doc: &'static str,
    /// What values it takes.
    pub kind: ParamKind,
}

/// A parameter that can't be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamError {
    /// Outside its range, or not finite.
    OutOfRange {
        /// Which.
        spec: &'static ParamSpec,
        /// What came.
        value: f64,
    },
    /// A fraction where a whole number, or something else than 0 or 1 where a switch is asked for.
    NotWhole {
        /// Which.
        spec: &'static ParamSpec,
        /// What came.
        value: f64,
    },
    /// More values than parameters.
    TooMany {
        /// Values that came.
        count: usize,
        /// Parameters there are.
        expected: usize,
    },
    /// No parameter has this name; the caller knows which it asked for.
    UnknownName,
    /// Two parameters contradict each other.
    Relation {
        /// What must hold.
        rule: &'static str,
        /// Left value.
        left: f64,
        /// Right value.
        right: f64,
    },
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { spec: s, value } => {
                write!(
                    f,
                    "{}: expected {} to {} {}, found {value}; default is {}",
                    s.name, s.min, s.max, s.unit, s.default
                )
            }
            Self::NotWhole { spec: s, value } => {
                write!(f, "{}: expected a whole number of {}, found {value}", s.name, s.unit)
            }
            Self::TooMany { count, expected } => {
                write!(f, "expected at most {expected} parameter values, found {count}")
            }
            Self::UnknownName => f.write_str("no parameter has this name; see the strategy's SPEC for those it has"),
            Self::Relation { rule, left, right } => write!(f, "expected {rule}, found {left} and {right}"),
        }
    }
}

impl core::error::Error for ParamError {}

/// A type that a parameter can have.
pub trait ParamValue: Copy {
    /// What values it takes.
    const KIND: ParamKind;
    /// From a checked number.
    fn from_number(x: f64) -> Self;
    /// To a number.
    fn to_number(self) -> f64;
}

impl ParamValue for u32 {
    const KIND: ParamKind = ParamKind::Integer;
    fn from_number(x: f64) -> Self {
        x as Self
    }
    fn to_number(self) -> f64 {
        f64::from(self)
    }
}

impl ParamValue for f64 {
    const KIND: ParamKind = ParamKind::Real;
    fn from_number(x: f64) -> Self {
        x
    }
    fn to_number(self) -> f64 {
        self
    }
}

impl ParamValue for bool {
    const KIND: ParamKind = ParamKind::Switch;
    fn from_number(x: f64) -> Self {
        x != 0.0
    }
    fn to_number(self) -> f64 {
        if self { 1.0 } else { 0.0 }
    }
}

impl ParamSpec {
    /// Checks one value against range and kind.
    ///
    /// # Errors
    /// Where it is not finite, out of range, or a fraction of a whole number.
    pub fn check(&'static self, value: f64) -> Result<(), ParamError> {
        if !(value >= self.min && value <= self.max) {
            return Err(ParamError::OutOfRange { spec: self, value });
        }
        if self.kind != ParamKind::Real && value != (value as i64) as f64 {
            return Err(ParamError::NotWhole { spec: self, value });
        }
        Ok(())
    }
}

/// Declares a parameter struct: each field with type, unit, default and range. The struct gets `SPEC`, `Default`,
/// `values`, `from_values`, `set`, `digest`; its `validate` calls `check_ranges` and adds rules between parameters.
macro_rules! params {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $ty:ty, $unit:literal, $default:expr, $min:expr, $max:expr;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        impl $name {
            /// The parameters, in the order of `values`. New ones are appended.
            pub const SPEC: &'static [$crate::params::ParamSpec] = &[
                $($crate::params::ParamSpec {
                    name: stringify!($field),
                    unit: $unit,
                    min: $min as f64,
                    max: $max as f64,
                    default: $default as f64,
                    doc: concat!($($doc),+),
                    kind: <$ty as $crate::params::ParamValue>::KIND,
                },)+
            ];

            /// How many there are.
            pub const COUNT: usize = Self::SPEC.len();

            /// All values as numbers, in the order of `SPEC`.
            #[must_use]
            pub fn values(&self) -> [f64; Self::COUNT] {
                [$($crate::params::ParamValue::to_number(self.$field)),+]
            }

            /// From numbers in the order of `SPEC`; parameters beyond the slice take their defaults.
            ///
            /// # Errors
            /// Where a value is out of range or contradicts another, or there are more values than parameters.
            pub fn from_values(values: &[f64]) -> Result<Self, $crate::params::ParamError> {
                if values.len() > Self::COUNT {
                    return Err($crate::params::ParamError::TooMany { count: values.len(), expected: Self::COUNT });
                }
                let mut params = Self::default();
                let mut given = values.iter();
                $(if let Some(&value) = given.next() {
                    params.set(stringify!($field), value)?;
                })+
                params.validate()?;
                Ok(params)
            }

            /// Back from `values`, unchecked: where they were checked before, as on a GPU.
            #[must_use]
            #[inline]
            pub fn from_checked(value: impl Fn(usize) -> f64) -> Self {
                let mut next = 0..;
                let mut value = || value(next.next().unwrap_or(0));
                Self { $($field: $crate::params::ParamValue::from_number(value()),)+ }
            }

            /// Sets one parameter by name. Rules between parameters are left to `validate`.
            ///
            /// # Errors
            /// Where there is no such parameter, or the value is out of its range.
            pub fn set(&mut self, name: &str, value: f64) -> Result<(), $crate::params::ParamError> {
                let Some(spec) = Self::SPEC.iter().find(|s| s.name == name) else {
                    return Err($crate::params::ParamError::UnknownName);
                };
                spec.check(value)?;
                match name {
                    $(stringify!($field) => self.$field = $crate::params::ParamValue::from_number(value),)+
                    _ => return Err($crate::params::ParamError::UnknownName),
                }
                Ok(())
            }

            /// Digest of all values.
            #[must_use]
            pub fn digest(&self) -> u64 {
                let digest = $crate::digest::Digest::new();
                $(let digest = digest.f64($crate::params::ParamValue::to_number(self.$field));)+
                digest.finish()
            }

            fn check_ranges(&self) -> Result<(), $crate::params::ParamError> {
                for (spec, value) in Self::SPEC.iter().zip(self.values()) {
                    spec.check(value)?;
                }
                Ok(())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::params::ParamValue::from_number($default as f64),)+ }
            }
        }
    };
}
pub(crate) use params;

/// `params!` for a strategy that trades: its own parameters, among them `stop_atr`, then those of holding and ending
/// a position, which every strategy shares; `trade_rules` turns them into the trader's.
macro_rules! trade_params {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $crate::params::params! {
            $(#[$meta])*
            pub struct $name {
                $($own)*
                /// Distance of the target from the entry; 0 for none.
                target_atr: f64, "ATR", 0, 0, 50;
                /// Distance of the trailing stop from the best price since the entry; 0 for none.
                trail_atr: f64, "ATR", 0, 0, 50;
                /// Distance of the trailing stop from the best price since the entry; 0 for none.
                trail_bp: f64, "bp", 0, 0, 5_000;
                /// Gain from which the trailing stop follows; 0 from the entry on.
                trail_start_atr: f64, "ATR", 0, 0, 50;
                /// Gain from which the stop stands at the entry price or better; 0 for never.
                break_even_atr: f64, "ATR", 0, 0, 50;
                /// Bars after which a position is closed; 0 for never.
                time_stop_bars: u32, "bars", 0, 0, 100_000;
                /// Gain at which part of the position is closed, once; 0 for never.
                partial_atr: f64, "ATR", 0, 0, 50;
                /// The part that is closed there.
                partial_fraction: f64, "1", 0.5, 0, 0.95;
                /// A signal against the position also enters the other side.
                reversal: bool, "1", 1, 0, 1;
                /// Bars without an entry after an exit.
                cooldown_bars: u32, "bars", 0, 0, 10_000;
                /// Most additions to a position.
                pyramid_max: u32, "1", 0, 0, 10;
                /// Gain since the last entry that an addition asks for.
                pyramid_step_atr: f64, "ATR", 1, 0, 20;
            }
        }

        impl $crate::strategy::StrategyParams for $name {
            const SPEC: &'static [$crate::params::ParamSpec] = Self::SPEC;

            fn from_values(values: &[f64]) -> Result<Self, $crate::params::ParamError> {
                Self::from_values(values)
            }

            #[inline]
            fn from_checked(value: impl Fn(usize) -> f64) -> Self {
                Self::from_checked(value)
            }

            fn for_each_value(&self, to: impl FnMut(f64)) {
                self.values().into_iter().for_each(to);
            }

            fn warm_up(&self) -> u32 {
                self.warm_up()
            }

            fn digest(&self) -> u64 {
                self.digest()
            }

            fn trade_rules(&self) -> $crate::trader::TradeRules {
                self.trade_rules()
            }
        }

        impl $name {
            /// How positions are held and ended.
            #[must_use]
            pub fn trade_rules(&self) -> $crate::trader::TradeRules {
                $crate::trader::TradeRules {
                    exits: $crate::exits::ExitRules {
                        stop_atr: self.stop_atr,
                        target_atr: self.target_atr,
                        trail_atr: self.trail_atr,
                        trail_bp: self.trail_bp,
                        trail_start_atr: self.trail_start_atr,
                        break_even_atr: self.break_even_atr,
                        time_stop_bars: self.time_stop_bars,
                        partial_atr: self.partial_atr,
                        partial_fraction: self.partial_fraction,
                    },
                    reversal: self.reversal,
                    cooldown_bars: self.cooldown_bars,
                    pyramid_max: self.pyramid_max,
                    pyramid_step_atr: self.pyramid_step_atr,
                }
            }
        }
    };
}
pub(crate) use trade_params;
