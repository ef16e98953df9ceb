//! A pull reader of JSON for the messages of venues: one pass over the bytes, no tree, no allocation.
//!
//! The caller walks objects and arrays with closures and takes the values that it knows by their type; everything else is
//! [`skip`](Scanner::skip)ped. Numbers that are money are read as [`Decimal64`] straight from the text, in quotes or not.
//! Nothing panics, nothing is read past the end, and nesting is bounded.
//!
//! It reads what venues send, and says so where they send something else; it is no validator: text is checked to be UTF-8
//! only where it is taken, and text with escapes is refused (no venue escapes a symbol, an asset or a number) unless it is
//! taken as raw bytes.

use core::fmt;

use mesh_types::{Decimal64, DecimalError};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// What was expected, and where something else was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What was expected there.
    pub expected: &'static str,
    /// Byte offset in the message.
    pub offset: usize,
    /// The byte that was there; `None` at the end of the message.
    pub found: Option<u8>,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}, found ", self.expected, self.offset)?;
        match self.found {
            Some(byte) => write!(f, "'{}'", char::from(byte).escape_default()),
            None => f.write_str("the end of the message: it was cut"),
        }
    }
}

impl core::error::Error for JsonError {}

type Result<T> = core::result::Result<T, JsonError>;

/// A position in the bytes of one message.
#[derive(Clone, Copy, Debug)]
pub struct Scanner<'a> {
    /// What is still to be read.
    rest: &'a [u8],
    len: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    /// At the start of a message.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len(), depth: 0 }
    }

    /// Byte offset in the message.
    pub const fn offset(&self) -> usize {
        self.len.wrapping_sub(self.rest.len())
    }

    /// An error at this place.
    #[cold]
    pub fn error(&self, expected: &'static str) -> JsonError {
        JsonError { expected, offset: self.offset(), found: self.rest.first().copied() }
    }

    #[inline(always)]
    fn step(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// The next byte that is no white space; 0 at the end.
    #[inline(always)]
    pub fn peek(&mut self) -> u8 {
        match self.rest {
            [byte, ..] if *byte > b' ' => *byte,
            _ => self.skip_space(),
        }
    }

    #[cold]
    fn skip_space(&mut self) -> u8 {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied().unwrap_or(0)
    }

    /// Steps over `byte` if it is next.
    #[inline(always)]
    pub fn take(&mut self, byte: u8) -> bool {
        if self.peek() != byte {
            return false;
        }
        // At the end `peek` gives 0, which is never asked for.
        self.step(1);
        true
    }

    /// Steps over these very bytes if they are next: the usual beginning of a message, taken at once.
    #[inline(always)]
    pub fn take_bytes(&mut self, bytes: &[u8]) -> bool {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// True where these very bytes are next.
    #[inline(always)]
    pub fn is_at(&self, bytes: &[u8]) -> bool {
        self.rest.starts_with(bytes)
    }

    /// Steps over `byte`.
    ///
    /// # Errors
    /// When something else is next.
    #[inline(always)]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Only white space may be left.
    ///
    /// # Errors
    /// When something else is.
    pub fn end(&mut self) -> Result<()> {
        self.peek();
        if self.rest.is_empty() { Ok(()) } else { Err(self.error("the end of the message")) }
    }

    /// Reads an object: `field` is called with each key, in the message's order, and must read or skip its value.
    ///
    /// # Errors
    /// When it is no object, or `field` fails.
    #[inline(always)]
    pub fn object(&mut self, mut field: impl FnMut(&mut Self, &'a [u8]) -> Result<()>) -> Result<()> {
        self.expect(b'{', "an object")?;
        self.enter()?;
        if !self.take(b'}') {
            loop {
                let key = self.key()?;
                field(self, key)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b'}', "',' or '}' after a field")?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array: `item` is called before each item and must read or skip it.
    ///
    /// # Errors
    /// When it is no array, or `item` fails.
    #[inline(always)]
    pub fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'[', "an array")?;
        self.enter()?;
        if !self.take(b']') {
            loop {
                item(self)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b']', "',' or ']' after an item")?;
        }
        self.depth -= 1;
        Ok(())
    }

    #[inline(always)]
    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.error("at most 32 levels of nesting")) } else { Ok(()) }
    }

    /// A key of an object, and its colon. Most keys of venues have one letter.
    ///
    /// # Errors
    /// When no key is next.
    #[inline(always)]
    pub fn key(&mut self) -> Result<&'a [u8]> {
        if let [b'"', key, b'"', b':', rest @ ..] = self.rest
            && *key != b'"'
            && *key != b'\\'
        {
            self.rest = rest;
            return Ok(core::slice::from_ref(key));
        }
        let key = self.raw_text()?;
        self.expect(b':', "':' after a key")?;
        Ok(key)
    }

    /// The bytes between quotes as they are, escapes not resolved.
    ///
    /// # Errors
    /// When no text is next, or it does not end.
    #[inline(always)]
    pub fn raw_text(&mut self) -> Result<&'a [u8]> {
        self.plain_text().map_or_else(|| self.escaped_text(), Ok)
    }

    /// A text without escapes; `None`, and nothing read, where something else is next.
    #[inline(always)]
    fn plain_text(&mut self) -> Option<&'a [u8]> {
        if self.peek() != b'"' {
            return None;
        }
        let (_, text) = self.rest.split_first()?;
        let end = text.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (text, rest) = text.split_at_checked(end)?;
        let (quote, rest) = rest.split_first()?;
        if *quote != b'"' {
            return None;
        }
        self.rest = rest;
        Some(text)
    }

    #[cold]
    fn escaped_text(&mut self) -> Result<&'a [u8]> {
        self.expect(b'"', "a text in quotes")?;
        let text = self.rest;
        loop {
            match self.step(1) {
                [b'"'] => break,
                [b'\\'] => drop(self.step(1)),
                [] => return Err(self.error("a closing quote")),
                _ => {}
            }
        }
        Ok(text.get(..text.len() - self.rest.len() - 1).unwrap_or_default())
    }

    /// A text.
    ///
    /// # Errors
    /// When no text is next, or it holds escapes, or is no UTF-8.
    #[inline(always)]
    pub fn text(&mut self) -> Result<&'a str> {
        let start = *self;
        let text = self.plain_text().and_then(|text| core::str::from_utf8(text).ok());
        text.ok_or_else(|| start.error("a text in UTF-8 without escapes"))
    }

    /// A whole number without sign, in quotes or not.
    ///
    /// # Errors
    /// When no such number is next, or it needs more than 64 bits.
    #[inline(always)]
    pub fn unsigned(&mut self) -> Result<u64> {
        let quoted = self.take(b'"');
        let start = self.rest;
        let (mut value, digits) = self.digits(0);
        if digits > 18 {
            value = self.careful_unsigned(start)?;
        }
        let ends = !matches!(self.rest, [b'.' | b'e' | b'E', ..]);
        if digits == 0 || !ends || quoted && !self.close_quote() {
            return Err(self.error("a whole number"));
        }
        Ok(value)
    }

    #[cold]
    fn careful_unsigned(&self, start: &[u8]) -> Result<u64> {
        let digits = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        digits.iter().try_fold(0, add).ok_or_else(|| self.error("a whole number of at most 64 bits"))
    }

    /// Reads the digits that are next onto `value`, wrapping, and says how many there were.
    #[inline(always)]
    fn digits(&mut self, mut value: u64) -> (u64, usize) {
        let mut count = 0;
        // Eight at a time: where the next number starts is known before this one's value is.
        while let Some(chunk) = self.rest.first_chunk() {
            let (digits, found) = eight_digits(u64::from_le_bytes(*chunk));
            value = value.wrapping_mul(POWERS.get(found).copied().unwrap_or(0)).wrapping_add(digits);
            count += found;
            self.step(found);
            if found < 8 || !matches!(self.rest, [b'0'..=b'9', ..]) {
                return (value, count);
            }
        }
        while let [byte @ b'0'..=b'9', rest @ ..] = self.rest {
            value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            count += 1;
            self.rest = rest;
        }
        (value, count)
    }

    /// A whole number with or without sign.
    ///
    /// # Errors
    /// When no such number is next, or it needs more than 63 bits.
    pub fn signed(&mut self) -> Result<i64> {
        self.peek();
        let start = *self;
        let negative = self.take(b'-');
        let value = i64::try_from(self.unsigned()?).map_err(|_| start.error("a whole number of at most 63 bits"))?;
        Ok(if negative { -value } else { value })
    }

    #[inline(always)]
    fn close_quote(&mut self) -> bool {
        if let [b'"', rest @ ..] = self.rest {
            self.rest = rest;
            return true;
        }
        false
    }

    /// A decimal, in quotes or not, with every digit that is printed.
    ///
    /// # Errors
    /// When no decimal is next, or it does not fit 63 bits.
    #[inline(always)]
    pub fn decimal(&mut self) -> Result<Decimal64> {
        let quoted = self.take(b'"');
        let mut plain = *self;
        if let Some(value) = plain.plain_decimal() {
            let ends = match plain.rest {
                [b'"', rest @ ..] if quoted => {
                    plain.rest = rest;
                    true
                }
                [b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t', ..] | [] => !quoted,
                _ => false,
            };
            if ends {
                *self = plain;
                return Ok(value);
            }
        }
        let value = self.careful_decimal()?;
        if quoted && !self.close_quote() {
            return Err(self.error("a closing quote after a decimal"));
        }
        Ok(value)
    }

    /// Two decimals as `["1.50","2"]`: a level of a book, as nearly all venues write it. `None`, and nothing read, where
    /// something else is next, be it only another spelling.
    #[inline(always)]
    pub fn take_level(&mut self) -> Option<(Decimal64, Decimal64)> {
        let mut scanner = *self;
        let level = scanner.plain_level()?;
        if !scanner.take_bytes(b"]") {
            return None;
        }
        *self = scanner;
        Some(level)
    }

    /// The same with a zero and a number of orders behind, as `["1.50","2","0","13"]`.
    #[inline(always)]
    pub fn take_level_of_orders(&mut self) -> Option<(Decimal64, Decimal64)> {
        let mut scanner = *self;
        let level = scanner.plain_level()?;
        if !scanner.take_bytes(b",\"0\",\"") {
            return None;
        }
        let (_, digits) = scanner.digits(0);
        if digits == 0 || !scanner.take_bytes(b"\"]") {
            return None;
        }
        *self = scanner;
        Some(level)
    }

    /// `["1.50","2"`.
    #[inline(always)]
    fn plain_level(&mut self) -> Option<(Decimal64, Decimal64)> {
        if !self.take_bytes(b"[\"") {
            return None;
        }
        let price = self.plain_decimal()?;
        if !self.take_bytes(b"\",\"") {
            return None;
        }
        let quantity = self.plain_decimal()?;
        self.take_bytes(b"\"").then_some((price, quantity))
    }

    /// Digits with or without a point. `None` where the number has more than 18 digits, which may not fit 63 bits.
    #[inline(always)]
    fn plain_decimal(&mut self) -> Option<Decimal64> {
        let negative = self.take_bytes(b"-");
        let (mut mantissa, whole) = self.digits(0);
        let mut decimals = 0;
        if let [b'.', rest @ ..] = self.rest {
            self.rest = rest;
            (mantissa, decimals) = self.digits(mantissa);
        }
        if !(1..=18).contains(&(whole + decimals)) {
            return None;
        }
        let mantissa = if negative { -(mantissa as i64) } else { mantissa as i64 };
        Some(Decimal64::new(mantissa, -(decimals as i8)))
    }

    #[cold]
    fn careful_decimal(&mut self) -> Result<Decimal64> {
        let len = self.rest.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
        let text = self.rest.get(..len.unwrap_or(self.rest.len())).unwrap_or_default();
        let value = Decimal64::parse_bytes(text).map_err(|error| match error {
            DecimalError::Overflow => self.error("a decimal of at most 18 digits"),
            _ => self.error("a decimal number"),
        })?;
        self.step(text.len());
        Ok(value)
    }

    /// A decimal, in quotes or not, of which digits after the point that do not fit are dropped: for figures of information
    /// (open interest, volumes) that venues compute with more digits than anything is traded in. Never for a price.
    ///
    /// # Errors
    /// When no decimal is next, or its whole part does not fit.
    pub fn decimal_cut(&mut self) -> Result<Decimal64> {
        let start = *self;
        if let Ok(value) = self.decimal() {
            return Ok(value);
        }
        *self = start;
        let text = self.skip()?;
        let digits = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
        let plain = digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-'));
        let point = digits.iter().position(|b| *b == b'.').filter(|_| plain);
        let shorter = |len: usize| digits.get(..len).and_then(|digits| Decimal64::parse_bytes(digits).ok());
        let cut = point.and_then(|point| (point..digits.len()).rev().find_map(shorter));
        cut.ok_or_else(|| start.error("a decimal whose whole part has at most 18 digits"))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When neither is next.
    pub fn boolean(&mut self) -> Result<bool> {
        for (word, value) in [("true", true), ("false", false)] {
            if self.take_word(word) {
                return Ok(value);
            }
        }
        Err(self.error("true or false"))
    }

    /// Steps over `null` if it is next.
    pub fn take_null(&mut self) -> bool {
        self.take_word("null")
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.peek();
        self.take_bytes(word.as_bytes())
    }

    /// Steps over any value, and gives its bytes.
    ///
    /// # Errors
    /// When no value is next, or it does not end.
    pub fn skip(&mut self) -> Result<&'a [u8]> {
        let first = self.peek();
        let start = self.rest;
        match first {
            b'"' => {
                self.raw_text()?;
            }
            b'{' => self.object(|scanner, _| scanner.skip().map(drop))?,
            b'[' => self.array(|scanner| scanner.skip().map(drop))?,
            b't' | b'f' => {
                self.boolean()?;
            }
            b'n' if self.take_null() => {}
            b'-' | b'0'..=b'9' => {
                let len = start.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
                self.step(len.unwrap_or(start.len()));
            }
            _ => return Err(self.error("a value")),
        }
        Ok(start.get(..start.len() - self.rest.len()).unwrap_or_default())
    }
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Value and number of the digits that eight bytes (the first lowest) begin with.
#[inline(always)]
const fn eight_digits(chunk: u64) -> (u64, usize) {
    // Digits become 0 to 9; in every other byte, up to the first, the high bit is set by one of the two. What a carry
    // does lies behind the first.
    let digits = chunk ^ 0x3030_3030_3030_3030;
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 {
        return (0, 0);
    }
    // Moved up, so that zeros lead; then neighbours are joined: pairs, and pairs of pairs in one product each.
    let digits = digits << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let low = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    (high.wrapping_add(low) >> 32, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_read_where_they_lie() {
        let mut scanner = Scanner::new(br#" { "a" : "1.50" , "b":[1,-2,true,null,{"c":[]}], "s":"x\"y" } "#);
        let mut seen = vec![];
        scanner
            .object(|s, key| {
                seen.push(key.to_vec());
                if key == b"a" {
                    let value = s.decimal()?;
                    assert_eq!((value.mantissa, value.exponent), (150, -2));
                    return Ok(());
                }
                s.skip().map(drop)
            })
            .expect("an object");
        assert_eq!(scanner.end(), Ok(()));
        assert_eq!(seen, [b"a".to_vec(), b"b".to_vec(), b"s".to_vec()]);
    }

    #[test]
    fn errors_say_what_where_and_what_instead() {
        let cut = Scanner::new(br#"{"a":1"#).object(|s, _| s.unsigned().map(drop)).expect_err("cut");
        assert_eq!(
            cut.to_string(),
            "expected ',' or '}' after a field at byte 6, found the end of the message: it was cut"
        );
        let wrong = Scanner::new(b"[x]").array(|s| s.unsigned().map(drop)).expect_err("no number");
        assert_eq!(wrong.to_string(), "expected a whole number at byte 1, found 'x'");
        assert!(Scanner::new(b"1.5").unsigned().is_err());
        assert!(Scanner::new(b"18446744073709551616").unsigned().is_err());
        assert!(Scanner::new(br#""1.5"#).decimal().is_err());
        assert!(Scanner::new(br#""""#).decimal().is_err());
        assert!(Scanner::new(br#""a\u0041""#).text().is_err());
        assert!(Scanner::new("[".repeat(40).as_bytes()).skip().is_err(), "nesting is bounded");
    }

    #[test]
    fn figures_of_information_are_cut_and_prices_are_not() {
        let cut = |text: &str| Scanner::new(text.as_bytes()).decimal_cut().map(|value| value.to_string());
        assert_eq!(cut(r#""13840.048827662696883""#).as_deref(), Ok("13840.04882766269688"));
        assert_eq!(cut("-1516669192.1953897476,").as_deref(), Ok("-1516669192.195389747"));
        assert_eq!(cut("1.50").as_deref(), Ok("1.50"));
        assert!(Scanner::new(br#""13840.048827662696883""#).decimal().is_err());
        for bad in ["\"\"", "x", "\"1.x\"", "123456789012345678901", "\"1234567890123456789012.5\"", "null"] {
            assert!(cut(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_those_of_the_slow_way(text in "-?[0-9]{0,22}(\\.[0-9]{0,12})?([eE][-+]?[0-9]{1,2})?", quoted in any::<bool>()) {
            let json = if quoted { format!("\"{text}\"") } else { format!("{text},") };
            let slow = Decimal64::parse_bytes(text.as_bytes());
            let fast = Scanner::new(json.as_bytes()).decimal();
            match (slow, fast) {
                (Ok(slow), Ok(fast)) => prop_assert_eq!((slow.mantissa, slow.exponent), (fast.mantissa, fast.exponent)),
                (slow, fast) => prop_assert_eq!(slow.is_ok(), fast.is_ok(), "{:?} {:?}", slow, fast),
            }
        }

        #[test]
        fn what_serde_reads_is_skipped_whole(depth in 0usize..5, seed in any::<u64>()) {
            fn value(depth: usize, seed: u64) -> serde_json::Value {
                let next = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                match seed % if depth == 0 { 4 } else { 6 } {
                    0 => seed.is_multiple_of(2).into(),
                    1 => i64::from_le_bytes(seed.to_le_bytes()).into(),
                    2 => format!("a\"\\\u{1f980}{seed}").into(),
                    3 => serde_json::Value::Null,
                    4 => (0..seed % 4).map(|i| value(depth - 1, next ^ i)).collect::<Vec<_>>().into(),
                    _ => (0..seed % 4).map(|i| (i.to_string(), value(depth - 1, next ^ i))).collect::<serde_json::Map<_, _>>().into(),
                }
            }
            let text = value(depth, seed).to_string();
            let mut scanner = Scanner::new(text.as_bytes());
            prop_assert_eq!(scanner.skip(), Ok(text.as_bytes()));
            prop_assert_eq!(scanner.end(), Ok(()));
            for cut in 0..text.len() {
                let mut scanner = Scanner::new(text.as_bytes().get(..cut).unwrap_or_default());
                let whole = scanner.skip().and_then(|_| scanner.end());
                prop_assert!(whole.is_err() || text.as_bytes().first().is_some_and(|b| b.is_ascii_digit() || *b == b'-'));
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let scanner = || Scanner::new(&bytes);
            let _ = (scanner().skip(), scanner().decimal(), scanner().unsigned(), scanner().signed(), scanner().text());
            let _ = scanner().object(|s, _| s.skip().map(drop));
            let _ = scanner().array(|s| s.text().map(drop));
        }
    }
}
