//! An action's JSON as MessagePack, keys in the order in which they stand: what Hyperliquid hashes.
//!
//! Whole numbers take their shortest form, texts and keys are `str`. Numbers with a point are refused: in actions they are
//! texts. Source: msgpack.org specification; `hyperliquid-python-sdk` `signing.py`.

use crate::json::{JsonError, Scanner};

type Result<T> = core::result::Result<T, JsonError>;

/// The MessagePack of a JSON value.
///
/// # Errors
/// When it is no JSON, or holds a number that is not whole.
pub fn from_json(json: &[u8]) -> Result<Vec<u8>> {
    let (mut scanner, mut out) = (Scanner::new(json), Vec::with_capacity(json.len()));
    value(&mut scanner, &mut out)?;
    scanner.end()?;
    Ok(out)
}

fn value(scanner: &mut Scanner<'_>, out: &mut Vec<u8>) -> Result<()> {
    match scanner.peek() {
        b'{' => {
            let mut count = 0u32;
            let mut probe = *scanner;
            probe.object(|s, _| {
                count += 1;
                s.skip().map(drop)
            })?;
            head(out, count, (0x80, 15), None, (0xde, 0xdf));
            scanner.object(|s, key| {
                text(s, key, out)?;
                value(s, out)
            })
        }
        b'[' => {
            let mut count = 0u32;
            let mut probe = *scanner;
            probe.array(|s| {
                count += 1;
                s.skip().map(drop)
            })?;
            head(out, count, (0x90, 15), None, (0xdc, 0xdd));
            scanner.array(|s| value(s, out))
        }
        b'"' => {
            let raw = scanner.raw_text()?;
            text(scanner, raw, out)
        }
        b't' | b'f' => {
            out.push(if scanner.boolean()? { 0xc3 } else { 0xc2 });
            Ok(())
        }
        b'n' if scanner.take_null() => {
            out.push(0xc0);
            Ok(())
        }
        b'-' => {
            negative(scanner.signed()?, out);
            Ok(())
        }
        _ => {
            positive(scanner.unsigned()?, out);
            Ok(())
        }
    }
}

/// The marker of a map, an array or a text of `count`.
fn head(out: &mut Vec<u8>, count: u32, (fixed, most): (u8, u32), byte: Option<u8>, (word, long): (u8, u8)) {
    match (u8::try_from(count), u16::try_from(count), byte) {
        (Ok(small), _, _) if count <= most => out.push(fixed | small),
        (Ok(small), _, Some(byte)) => out.extend([byte, small]),
        (_, Ok(middle), _) => {
            out.push(word);
            out.extend(middle.to_be_bytes());
        }
        _ => {
            out.push(long);
            out.extend(count.to_be_bytes());
        }
    }
}

/// A text between quotes, its escapes resolved.
fn text(scanner: &Scanner<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let resolved: String;
    let bytes = if raw.contains(&b'\\') {
        let quoted = [b"\"", raw, b"\""].concat();
        resolved = serde_json::from_slice(&quoted).map_err(|_| scanner.error("a text before this place"))?;
        resolved.as_bytes()
    } else {
        raw
    };
    let count = u32::try_from(bytes.len()).map_err(|_| scanner.error("a text of less than 4 GiB"))?;
    head(out, count, (0xa0, 31), Some(0xd9), (0xda, 0xdb));
    out.extend(bytes);
    Ok(())
}

fn positive(number: u64, out: &mut Vec<u8>) {
    match number {
        0..=0x7f => out.push(number.to_le_bytes()[0]),
        0x80..=0xff => out.extend([0xcc, number.to_le_bytes()[0]]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend(number.to_be_bytes().iter().skip(6));
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend(number.to_be_bytes().iter().skip(4));
        }
        _ => {
            out.push(0xcf);
            out.extend(number.to_be_bytes());
        }
    }
}

fn negative(number: i64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let (marker, skip) = match number {
        0.. => return positive(number.unsigned_abs(), out),
        -32..0 => (None, 7),
        -0x80..-32 => (Some(0xd0), 7),
        -0x8000..-0x80 => (Some(0xd1), 6),
        -0x8000_0000..-0x8000 => (Some(0xd2), 4),
        _ => (Some(0xd3), 0),
    };
    out.extend(marker);
    out.extend(bytes.iter().skip(skip));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_are_the_shortest_and_keys_keep_their_order() {
        let packed = |json: &str| hex::encode(from_json(json.as_bytes()).expect(json));
        assert_eq!(packed(r#"{"b":1,"a":true,"c":null}"#), "83a16201a161c3a163c0");
        for (json, expected) in [
            ("127", "7f"),
            ("128", "cc80"),
            ("65535", "cdffff"),
            ("65536", "ce00010000"),
            ("4294967296", "cf0000000100000000"),
            ("-1", "ff"),
            ("-32", "e0"),
            ("-33", "d0df"),
            ("-129", "d1ff7f"),
            ("-32769", "d2ffff7fff"),
            ("-2147483649", "d3ffffffff7fffffff"),
            (r#""a\"b""#, "a3612262"),
            ("[[],{}]", "929080"),
        ] {
            assert_eq!(packed(json), expected, "{json}");
        }
        assert!(packed(&format!("\"{}\"", "x".repeat(32))).starts_with("d920"));
        assert!(packed(&format!("\"{}\"", "x".repeat(256))).starts_with("da0100"));
        assert!(packed(&format!("[{}1]", "1,".repeat(15))).starts_with("dc0010"));
        for bad in ["1.5", "1e3", "", "{", "\"\\x\"", "18446744073709551616", "truex"] {
            assert!(from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_json(&bytes);
        }
    }
}
