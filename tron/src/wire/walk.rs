//! Walks over the fields of a serialized protobuf message without copying or interpreting them. Needed because
//! hashes are over bytes as they came, and because a damaged file should be told where it is damaged.

/// How many groups may stand inside each other (protobuf's own readers stop there too).
const MOST_OPEN_GROUPS: usize = 100;

/// Why a message cannot be walked any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WalkError {
    /// Where, counted from the start of the outermost message.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

/// A field's value, as far as its wire type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Varint(u64),
    /// Text, bytes or another message.
    Bytes(&'a [u8]),
    /// Four or eight bytes, or a group; the protocol uses none of them, but unknown fields may.
    Unused,
}

/// One field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number.
    pub number: u64,
    /// Its value.
    pub value: Value<'a>,
    /// Where its value starts, counted from the start of the outermost message.
    pub offset: usize,
}

impl<'a> Field<'a> {
    /// The value of a field that must hold bytes.
    pub fn bytes(&self) -> Result<&'a [u8], WalkError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Varint(_) | Value::Unused => {
                Err(WalkError { offset: self.offset, reason: "a number where bytes belong" })
            }
        }
    }
}

/// The fields of one message, in the order in which they stand.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    rest: &'a [u8],
    /// Where the message ends, counted from the start of the outermost one.
    end: usize,
}

impl<'a> Walk<'a> {
    /// Over a message that starts at `offset` of the outermost one.
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, end: offset.saturating_add(bytes.len()) }
    }

    /// Where the next field starts.
    const fn offset(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    const fn refuse(&self, reason: &'static str) -> WalkError {
        WalkError { offset: self.offset(), reason }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WalkError> {
        // Most keys and lengths are one byte.
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WalkError> {
        let mut value = 0_u64;
        for shift in (0_u32..64).step_by(7) {
            let Some((&byte, rest)) = self.rest.split_first() else {
                return Err(self.refuse("ends inside a number"));
            };
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.refuse("number does not fit 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.refuse("number does not fit 64 bits"))
    }

    /// A field's number and wire type. Readers differ in what they make of a key of more than 32 bits (java-tron's
    /// drops the upper ones, which makes another field of it), so there is none.
    #[inline]
    fn key(&mut self) -> Result<(u64, u64), WalkError> {
        let start = self.offset();
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 {
            return Err(WalkError { offset: start, reason: "field number 0" });
        }
        if key > u64::from(u32::MAX) {
            return Err(WalkError { offset: start, reason: "field number does not fit" });
        }
        Ok((number, key & 7))
    }

    /// Passes over a group's fields up to its end. Groups stand inside each other, so an array keeps which are
    /// open: what comes from outside decides nothing about our stack.
    fn pass_group(&mut self, number: u64) -> Result<(), WalkError> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            let start = self.offset();
            let (number, wire) = self.key()?;
            let passed = match wire {
                0 => self.varint().map(|_| true)?,
                1 => self.take(8).is_some(),
                2 => {
                    let length = self.varint()?;
                    usize::try_from(length).is_ok_and(|length| self.take(length).is_some())
                }
                3 if open.len() < MOST_OPEN_GROUPS => {
                    open.push(number);
                    true
                }
                4 if *innermost == number => open.pop().is_some(),
                5 => self.take(4).is_some(),
                _ => return Err(WalkError { offset: start, reason: "unknown wire type" }),
            };
            if !passed {
                return Err(self.refuse("ends inside a group"));
            }
        }
        Ok(())
    }

    #[inline]
    fn field(&mut self) -> Result<Field<'a>, WalkError> {
        let start = self.offset();
        let (number, wire) = self.key()?;
        match wire {
            0 => {
                let offset = self.offset();
                Ok(Field { number, value: Value::Varint(self.varint()?), offset })
            }
            2 => {
                let length = self.varint()?;
                let offset = self.offset();
                let bytes = usize::try_from(length)
                    .ok()
                    .and_then(|length| self.take(length))
                    .ok_or_else(|| self.refuse("ends inside a field"))?;
                Ok(Field { number, value: Value::Bytes(bytes), offset })
            }
            wire @ (1 | 5) => {
                let offset = self.offset();
                let length = if wire == 1 { 8 } else { 4 };
                self.take(length).ok_or_else(|| self.refuse("ends inside a field"))?;
                Ok(Field { number, value: Value::Unused, offset })
            }
            3 => {
                let offset = self.offset();
                self.pass_group(number)?;
                Ok(Field { number, value: Value::Unused, offset })
            }
            _ => Err(WalkError { offset: start, reason: "unknown wire type" }),
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Field<'a>, WalkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_and_says_where_it_fails() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i'];
        let fields: Result<Vec<_>, _> = Walk::new(&message, 100).collect();
        assert_eq!(
            fields,
            Ok(vec![
                Field { number: 1, value: Value::Varint(150), offset: 101 },
                Field { number: 2, value: Value::Bytes(b"hi"), offset: 105 },
            ])
        );
        let cut: Result<Vec<_>, _> = Walk::new(&message[..6], 100).collect();
        assert_eq!(cut, Err(WalkError { offset: 105, reason: "ends inside a field" }));
        assert!(Walk::new(&[0xff; 11], 0).any(|field| field.is_err()));
        assert!(Walk::new(&[0x0b], 0).any(|field| field.is_err()));
    }

    #[test]
    fn a_key_of_more_than_32_bits_is_no_field() {
        // Field 3 to who drops the upper bits.
        for message in
            [[0x98, 0x80, 0x80, 0x80, 0x10, 1].as_slice(), &[0x0b, 0x98, 0x80, 0x80, 0x80, 0x10, 1]]
        {
            assert!(Walk::new(message, 0).any(|field| field.is_err()));
        }
        let padded: Result<Vec<_>, _> = Walk::new(&[0x98, 0x80, 0x80, 0x80, 0x00, 1], 0).collect();
        assert_eq!(padded, Ok(vec![Field { number: 3, value: Value::Varint(1), offset: 5 }]));
    }

    #[test]
    fn groups_are_passed_over() {
        // Field 1 as a group that holds a number, eight bytes, four bytes, a text and another group.
        let inside = [0x08, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1d, 1, 2, 3, 4, 0x22, 1, b'x', 0x2b, 0x2c];
        let message = [&[0x0b], inside.as_slice(), &[0x0c, 0x10, 0x05]].concat();
        let fields: Result<Vec<_>, _> = Walk::new(&message, 0).collect();
        assert_eq!(
            fields,
            Ok(vec![
                Field { number: 1, value: Value::Unused, offset: 1 },
                Field { number: 2, value: Value::Varint(5), offset: 24 },
            ])
        );
        for cut in 1..=inside.len().saturating_add(1) {
            let part = message.get(..cut).unwrap_or_default();
            assert!(Walk::new(part, 0).any(|field| field.is_err()), "{cut}");
        }
        assert!(Walk::new(&[0x0b, 0x14], 0).any(|field| field.is_err()), "another group's end");
        assert!(Walk::new(&[0x0b; 200], 0).any(|field| field.is_err()), "too deep");
    }
}
