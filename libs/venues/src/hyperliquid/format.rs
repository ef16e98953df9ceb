//! Prices and sizes by the venue's rules, and actions as they are hashed: keys in the venue's order, numbers as texts without
//! trailing zeros.
//!
//! A price has at most five significant figures and at most `6 - szDecimals` decimals (spot `8 - szDecimals`); a whole price
//! may have any number of digits. A size has at most `szDecimals` decimals. Both are rounded once, by a named rule.

use core::fmt::Write as _;

use mesh_book::checksum::shortest;
use mesh_types::{Decimal64, DecimalError, OrderType, Rounding, Side, TimeInForce};

/// Significant figures of a price.
const FIGURES: i8 = 5;

/// The nearest price that the venue takes, in the direction of `rounding`. `max_decimals` is
/// [`super::instruments::PERPETUAL_DECIMALS`] or [`super::instruments::SPOT_DECIMALS`].
///
/// # Errors
/// Where it does not fit.
pub fn price(
    value: Decimal64,
    size_decimals: u8,
    max_decimals: u8,
    rounding: Rounding,
) -> Result<Decimal64, DecimalError> {
    let value = value.normalized();
    if value.is_zero() || value.exponent >= 0 {
        return Ok(shortest(value));
    }
    let digits = i8::try_from(value.mantissa.unsigned_abs().ilog10() + 1).map_err(|_| DecimalError::Overflow)?;
    let by_figures = value.exponent + digits - FIGURES;
    let by_decimals = -i8::try_from(max_decimals.saturating_sub(size_decimals)).map_err(|_| DecimalError::Overflow)?;
    // Whole prices are always taken.
    let exponent = by_figures.max(by_decimals).min(0);
    if value.exponent >= exponent {
        return Ok(value);
    }
    value.rescale(exponent, rounding).map(shortest)
}

/// The greatest size that the venue takes and that is not above `value`.
///
/// # Errors
/// Where it does not fit.
pub fn size(value: Decimal64, size_decimals: u8) -> Result<Decimal64, DecimalError> {
    let exponent = -i8::try_from(size_decimals).map_err(|_| DecimalError::Overflow)?;
    let value = value.normalized();
    if value.exponent >= exponent {
        Ok(shortest(value))
    } else {
        value.rescale(exponent, Rounding::TowardsZero).map(shortest)
    }
}

/// A number as it is hashed: no trailing zeros, no power of ten.
pub fn wire(value: Decimal64) -> String {
    shortest(value).to_string()
}

/// 128 bits that name an order: the only protection against sending it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cloid(pub u128);

impl core::fmt::Display for Cloid {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "0x{:032x}", self.0)
    }
}

/// An order to place.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Asset id, see [`super::instruments::Asset`].
    pub asset: u64,
    /// Side.
    pub side: Side,
    /// Price, by [`price`]; the worst that is taken for an order at the market.
    pub price: Decimal64,
    /// Size, by [`size`].
    pub size: Decimal64,
    /// It may only close.
    pub reduce_only: bool,
    /// How it is priced: the venue has no order at the market, so that is one at its price that does not rest.
    pub order_type: OrderType,
    /// How long it stands; all-or-nothing does not exist there.
    pub time_in_force: TimeInForce,
    /// Client order id.
    pub cloid: Option<Cloid>,
}

const fn tif(order: &Order) -> Option<&'static str> {
    match (order.order_type, order.time_in_force) {
        (_, TimeInForce::Fok) => None,
        (OrderType::PostOnly, _) => Some("Alo"),
        (OrderType::Market, _) | (OrderType::Limit, TimeInForce::Ioc) => Some("Ioc"),
        (OrderType::Limit, TimeInForce::Gtc) => Some("Gtc"),
    }
}

/// The action that places orders; `None` where one of them is of a kind that the venue does not have.
pub fn orders(orders: &[Order]) -> Option<String> {
    let mut json = String::from(r#"{"type":"order","orders":["#);
    for (index, order) in orders.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // A text can't fail to be written to.
        let _ = write!(
            json,
            r#"{comma}{{"a":{},"b":{},"p":"{}","s":"{}","r":{},"t":{{"limit":{{"tif":"{}"}}}}"#,
            order.asset,
            order.side == Side::Buy,
            wire(order.price),
            wire(order.size),
            order.reduce_only,
            tif(order)?,
        );
        if let Some(cloid) = order.cloid {
            let _ = write!(json, r#","c":"{cloid}""#);
        }
        json.push('}');
    }
    json.push_str(r#"],"grouping":"na"}"#);
    Some(json)
}

/// The action that cancels orders by client order id.
pub fn cancels(cancels: &[(u64, Cloid)]) -> String {
    let each: Vec<String> =
        cancels.iter().map(|(asset, cloid)| format!(r#"{{"asset":{asset},"cloid":"{cloid}"}}"#)).collect();
    format!(r#"{{"type":"cancelByCloid","cancels":[{}]}}"#, each.join(","))
}

/// The action that has the venue cancel everything at a time, ms; `None` takes that back.
pub fn schedule_cancel(time_ms: Option<u64>) -> String {
    time_ms.map_or_else(
        || r#"{"type":"scheduleCancel"}"#.to_owned(),
        |time| format!(r#"{{"type":"scheduleCancel","time":{time}}}"#),
    )
}

/// The body of `POST /exchange`.
pub fn request(action: &super::sign::Action<'_>, signature: &super::sign::Signature) -> String {
    let vault = action.vault.map_or_else(|| "null".to_owned(), |vault| format!("\"0x{}\"", hex::encode(vault)));
    let expires = action.expires_after.map_or_else(|| "null".to_owned(), |time| time.to_string());
    format!(
        r#"{{"action":{},"nonce":{},"signature":{},"vaultAddress":{vault},"expiresAfter":{expires}}}"#,
        String::from_utf8_lossy(action.json),
        action.nonce,
        signature.json(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal64 {
        text.parse().expect(text)
    }

    #[test]
    fn prices_have_five_figures_and_whole_ones_any() {
        for (value, size_decimals, expected) in [
            ("1.23456789", 5, "1.2"),
            ("97123.45", 0, "97123"),
            ("0.0123456", 1, "0.01234"),
            ("123456", 0, "123456"),
            ("123456.7", 0, "123456"),
            ("12345.6", 0, "12345"),
            ("1234.56", 0, "1234.5"),
            ("25.20", 0, "25.2"),
            ("0.00001234", 0, "0.000012"),
            ("99999.9", 0, "99999"),
            ("0", 0, "0"),
        ] {
            let floor = price(decimal(value), size_decimals, 6, Rounding::Floor).expect("fits");
            assert_eq!(wire(floor), expected, "{value}");
        }
        let up = price(decimal("99999.9"), 0, 6, Rounding::Ceiling).expect("fits");
        assert_eq!(wire(up), "100000");
        assert_eq!(wire(price(decimal("0.00001234"), 0, 8, Rounding::Floor).expect("fits")), "0.00001234");
        assert_eq!(wire(size(decimal("0.0123999"), 4).expect("fits")), "0.0123");
        assert_eq!(wire(size(decimal("3.000"), 2).expect("fits")), "3");
        assert_eq!(wire(decimal("-0.0")), "0");
    }

    #[test]
    fn actions_have_their_keys_in_order() {
        let order = Order {
            asset: 1,
            side: Side::Buy,
            price: decimal("100.0"),
            size: decimal("100"),
            reduce_only: false,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            cloid: Some(Cloid(1)),
        };
        assert_eq!(
            orders(&[order]).as_deref(),
            Some(
                r#"{"type":"order","orders":[{"a":1,"b":true,"p":"100","s":"100","r":false,"t":{"limit":{"tif":"Gtc"}},"c":"0x00000000000000000000000000000001"}],"grouping":"na"}"#
            )
        );
        assert_eq!(orders(&[Order { time_in_force: TimeInForce::Fok, ..order }]), None);
        let post_only = Order { order_type: OrderType::PostOnly, ..order };
        assert!(orders(&[order, post_only]).is_some_and(|json| json.contains(r#""tif":"Alo""#)));
        assert_eq!(
            cancels(&[(1, Cloid(1))]),
            r#"{"type":"cancelByCloid","cancels":[{"asset":1,"cloid":"0x00000000000000000000000000000001"}]}"#
        );
        assert_eq!(schedule_cancel(Some(5)), r#"{"type":"scheduleCancel","time":5}"#);
        assert_eq!(schedule_cancel(None), r#"{"type":"scheduleCancel"}"#);
    }

    proptest! {
        #[test]
        fn a_price_is_valid_near_and_on_the_named_side(mantissa in 1i64..1_000_000_000_000, exponent in -10i8..=2, size_decimals in 0u8..=6, up in any::<bool>()) {
            let value = Decimal64::new(mantissa, exponent);
            let rounding = if up { Rounding::Ceiling } else { Rounding::Floor };
            let rounded = price(value, size_decimals, 6, rounding).expect("fits");
            let on_its_side = if up { rounded >= value } else { rounded <= value };
            prop_assert!(on_its_side);
            let short = rounded.normalized();
            let figures = if short.is_zero() { 0 } else { short.mantissa.unsigned_abs().ilog10() + 1 };
            prop_assert!(short.exponent >= 0 || figures <= 5 && short.exponent >= -i8::try_from(6 - size_decimals).expect("small"));
            prop_assert_eq!(price(rounded, size_decimals, 6, rounding), Ok(rounded), "it stays");
            let text = wire(rounded);
            prop_assert!(!text.contains('e') && (!text.contains('.') || !text.ends_with('0')));
        }
    }
}
