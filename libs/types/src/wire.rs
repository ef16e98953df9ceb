//! What every TLV body is made of: little-endian fields without alignment, and a description of them.
//!
//! A body is one `#[repr(C)]` struct whose fields all have alignment 1, so it has no padding, can be read in place at any
//! offset, and its size is the sum of its fields. [`wire_struct!`](crate::wire_struct) writes the struct, asserts its
//! size at compile time, and gives it [`FIELDS`](WireStruct::FIELDS) and a visitor; decoding to text, JSON and
//! docs/protocol.md come from those.

use core::fmt;
use core::marker::PhantomData;

pub use zerocopy::little_endian::{F64, I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::decimal::{Decimal64, PackedDecimal};
use crate::fixed::FixedStr;
use crate::ids::{ClientOrderId, MessageId, SourceId};
use crate::instrument::InstrumentId;

/// What can lie on the wire: any bytes are a valid value, and any value is plain bytes.
pub trait Plain: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy + 'static {}
impl<T: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy + 'static> Plain for T {}

/// One field of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name, units last.
    pub name: &'static str,
    /// Its type, as docs/protocol.md prints it.
    pub kind: &'static str,
    /// Bytes from the start of the body.
    pub offset: usize,
    /// Its size in bytes.
    pub size: usize,
    /// What it means.
    pub doc: &'static str,
}

/// A field's value, ready to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A count, id or time.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// An indicator or score.
    Float(f64),
    /// An exact decimal.
    Decimal(Decimal64),
    /// A name or reason; `None` where the bytes are no UTF-8.
    Text(Option<&'a str>),
    /// An enum's name.
    Name(&'static str),
    /// An enum's code that this build does not know.
    Unknown(u8),
    /// An instrument.
    Instrument(InstrumentId),
    /// Another message.
    Message(MessageId),
    /// Opaque bytes, shown in hex.
    Bytes(&'a [u8]),
}

/// A body with a bounded variable part: `item_count` items follow the struct on the wire; what follows them is of a later
/// version and ignored.
pub trait Tailed: WireStruct {
    /// What the items are.
    type Item: Plain;
    /// The items' name in docs/protocol.md.
    const ITEM_NAME: &'static str;
    /// The most items there can be.
    const MAX_ITEMS: usize;
    /// How many items the struct says that there are.
    fn item_count(&self) -> usize;
}

/// A type that a field of a body may have.
pub trait WireField: Plain {
    /// The type's name in docs/protocol.md.
    const KIND: &'static str;
    /// The value to show.
    fn value(&self) -> Value<'_>;
}

/// A body, or an item of a body's variable part.
pub trait WireStruct: Plain {
    /// The struct's Rust name.
    const STRUCT: &'static str;
    /// What it says, in one paragraph.
    const DOC: &'static str;
    /// Its fields in order.
    const FIELDS: &'static [FieldSpec];
    /// Calls `visit` with each field's name and value, in order; padding is left out.
    fn visit(&self, visit: &mut dyn FnMut(&'static str, Value<'_>));
}

macro_rules! number_field {
    ($($ty:ty, $kind:literal, $value:ident, $get:expr;)+) => {$(
        impl WireField for $ty {
            const KIND: &'static str = $kind;
            fn value(&self) -> Value<'_> {
                let get: fn(&$ty) -> _ = $get;
                Value::$value(get(self))
            }
        }
    )+};
}

number_field! {
    u8, "u8", Unsigned, |v| u64::from(*v);
    i8, "i8", Signed, |v| i64::from(*v);
    U16, "u16", Unsigned, |v| u64::from(v.get());
    U32, "u32", Unsigned, |v| u64::from(v.get());
    U64, "u64", Unsigned, |v| v.get();
    I64, "i64", Signed, |v| v.get();
    F64, "f64", Float, |v| v.get();
    PackedDecimal, "decimal", Decimal, |v| v.get();
    InstrumentId, "instrument", Instrument, |v| *v;
    SourceId, "source", Unsigned, |v| u64::from(v.get());
}

impl<const N: usize> WireField for [u8; N] {
    const KIND: &'static str = "bytes";
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> WireField for FixedStr<N> {
    const KIND: &'static str = "text";
    fn value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl WireField for ClientOrderId {
    const KIND: &'static str = "client_order_id";
    fn value(&self) -> Value<'_> {
        Value::Bytes(self.as_bytes())
    }
}

impl WireField for MessageId {
    const KIND: &'static str = "message_id";
    fn value(&self) -> Value<'_> {
        Value::Message(*self)
    }
}

/// An enum that has a one-byte code on the wire.
pub trait WireEnum: Copy + 'static {
    /// The enum's name in docs/protocol.md.
    const KIND: &'static str;
    /// Every code with its name.
    const NAMES: &'static [(u8, &'static str)];
    /// The value of a code, where this build knows it.
    fn from_code(code: u8) -> Option<Self>;
    /// The code.
    fn code(self) -> u8;
}

/// An enum's code on the wire: any byte is accepted, [`Coded::get`] says whether this build knows it.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub struct Coded<E> {
    code: u8,
    of: PhantomData<E>,
}

impl<E: WireEnum> Coded<E> {
    /// The code of a value.
    pub fn new(value: E) -> Self {
        Self::from_raw(value.code())
    }

    /// Any code, known or not.
    pub const fn from_raw(code: u8) -> Self {
        Self { code, of: PhantomData }
    }

    /// The value; `None` for a code of a later version.
    pub fn get(self) -> Option<E> {
        E::from_code(self.code)
    }

    /// The byte itself.
    pub const fn raw(self) -> u8 {
        self.code
    }
}

impl<E: WireEnum> From<E> for Coded<E> {
    fn from(value: E) -> Self {
        Self::new(value)
    }
}

impl<E> Clone for Coded<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Coded<E> {}

impl<E> PartialEq for Coded<E> {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl<E> Eq for Coded<E> {}

impl<E: WireEnum> fmt::Debug for Coded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match E::NAMES.iter().find(|(code, _)| *code == self.code) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "unknown({})", self.code),
        }
    }
}

impl<E: WireEnum> WireField for Coded<E> {
    const KIND: &'static str = E::KIND;
    fn value(&self) -> Value<'_> {
        match E::NAMES.iter().find(|(code, _)| *code == self.code) {
            Some((_, name)) => Value::Name(name),
            None => Value::Unknown(self.code),
        }
    }
}

/// Defines an enum with a one-byte code and a name for each variant, for the wire, configuration and people.
#[macro_export]
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$vmeta:meta])* $variant:ident = $code:literal, $text:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant = $code,)+ }

        impl $name {
            /// The name in JSON, configuration and logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Every variant, in order of code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }

        impl $crate::wire::WireEnum for $name {
            const KIND: &'static str = $kind;
            const NAMES: &'static [(u8, &'static str)] = &[$(($code, $text),)+];
            fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
            fn code(self) -> u8 { self as u8 }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result { f.write_str(self.name()) }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::enums::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::enums::UnknownName { kind: $kind, expected: &[$($text,)+] }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Defines a body: the struct, its compile-time size, its field table and its visitor.
#[macro_export]
macro_rules! wire_struct {
    ($(#[doc = $doc:literal])+ $name:ident, $size:literal { $($(#[doc = $fdoc:literal])+ $field:ident : $ty:ty,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned)]
        #[repr(C)]
        pub struct $name { $($(#[doc = $fdoc])+ pub $field: $ty,)+ }

        const _: () = assert!(core::mem::size_of::<$name>() == $size, concat!("size of ", stringify!($name)));
        const _: () = assert!(core::mem::align_of::<$name>() == 1);
        const _: () = assert!(0 $(+ core::mem::size_of::<$ty>())+ == $size, "no padding");

        impl $crate::wire::WireStruct for $name {
            const STRUCT: &'static str = stringify!($name);
            const DOC: &'static str = concat!($($doc,)+);
            const FIELDS: &'static [$crate::wire::FieldSpec] = &[$($crate::wire::FieldSpec {
                name: stringify!($field),
                kind: <$ty as $crate::wire::WireField>::KIND,
                offset: core::mem::offset_of!($name, $field),
                size: core::mem::size_of::<$ty>(),
                doc: concat!($($fdoc,)+),
            },)+];
            fn visit(&self, visit: &mut dyn FnMut(&'static str, $crate::wire::Value<'_>)) {
                $(if !stringify!($field).starts_with("reserved") {
                    visit(stringify!($field), $crate::wire::WireField::value(&self.$field));
                })+
            }
        }

        impl Default for $name {
            fn default() -> Self { zerocopy::FromZeros::new_zeroed() }
        }
    };
}
