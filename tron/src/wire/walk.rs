//! Walks over the fields of a serialized protobuf message without copying or interpreting them. Needed because
//! hashes are over bytes as they came, and because a damaged file should be told where it is damaged.

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
    /// Four or eight bytes; the protocol uses neither.
    Fixed,
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
            Value::Varint(_) | Value::Fixed => {
                Err(WalkError { offset: self.offset, reason: "a number where bytes belong" })
            }
        }
    }
}

/// The fields of one message, in the order in which they stand.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Walk<'a> {
    /// Over a message that starts at `offset` of the outermost one.
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    const fn refuse(&self, reason: &'static str) -> WalkError {
        WalkError { offset: self.offset, reason }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        self.offset = self.offset.saturating_add(count);
        Some(taken)
    }

    fn varint(&mut self) -> Result<u64, WalkError> {
        let mut value = 0_u64;
        for shift in (0_u32..64).step_by(7) {
            let Some(&[byte]) = self.take(1) else {
                return Err(self.refuse("ends inside a number"));
            };
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

    fn field(&mut self) -> Result<Field<'a>, WalkError> {
        let start = self.offset;
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 {
            return Err(WalkError { offset: start, reason: "field number 0" });
        }
        match key & 7 {
            0 => {
                let offset = self.offset;
                Ok(Field { number, value: Value::Varint(self.varint()?), offset })
            }
            2 => {
                let length = self.varint()?;
                let offset = self.offset;
                let bytes = usize::try_from(length)
                    .ok()
                    .and_then(|length| self.take(length))
                    .ok_or_else(|| self.refuse("ends inside a field"))?;
                Ok(Field { number, value: Value::Bytes(bytes), offset })
            }
            wire @ (1 | 5) => {
                let offset = self.offset;
                let length = if wire == 1 { 8 } else { 4 };
                self.take(length).ok_or_else(|| self.refuse("ends inside a field"))?;
                Ok(Field { number, value: Value::Fixed, offset })
            }
            _ => Err(WalkError { offset: start, reason: "unknown wire type" }),
        }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Field<'a>, WalkError>;

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
}
