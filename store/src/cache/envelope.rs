//! How a text lies in Redis: with a version, the stamp of its tag and a checksum over all of it, its key
//! and the realm it is of. Whatever
//! does not read as exactly that (another program's value, a text cut short, one that was renamed) is not there.

/// The version. A later form is not there for this one, and the other way round.
const MAGIC: &str = "leyden1 ";

fn checksum(realm: &str, key: &str, stamp: &str, text: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for part in [realm, "\0", key, "\0", stamp, "\0", text] {
        crc.update(part.as_bytes());
    }
    crc.finalize()
}

/// A text as it is put under a key.
pub(super) fn seal(realm: &str, key: &str, stamp: u128, text: &str) -> String {
    let stamp = format!("{stamp:032x}");
    let crc = checksum(realm, key, &stamp, text);
    format!("{MAGIC}{stamp} {crc:08x} {text}")
}

/// The text that lies under a key, if it is one and has this stamp.
pub(super) fn open(realm: &str, key: &str, stamp: u128, sealed: &[u8]) -> Option<String> {
    let sealed = std::str::from_utf8(sealed).ok()?.strip_prefix(MAGIC)?;
    let (marked, rest) = sealed.split_once(' ')?;
    let (crc, text) = rest.split_once(' ')?;
    let good =
        marked == format!("{stamp:032x}") && crc == format!("{:08x}", checksum(realm, key, marked, text));
    good.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn only_what_was_sealed_for_this_key_and_stamp_opens() {
        for text in ["", "{}", "ä b\n c", " "] {
            let sealed = seal("r", "p:price:x", 7, text);
            assert_eq!(open("r", "p:price:x", 7, sealed.as_bytes()).as_deref(), Some(text));
            assert_eq!(open("r", "p:price:y", 7, sealed.as_bytes()), None);
            assert_eq!(open("s", "p:price:x", 7, sealed.as_bytes()), None);
            assert_eq!(open("r", "p:price:x", 8, sealed.as_bytes()), None);
        }
        let sealed = seal("r", "k", 1, "price 1.5");
        let bytes = sealed.as_bytes();
        for end in 0..bytes.len() {
            assert_eq!(open("r", "k", 1, bytes.get(..end).unwrap_or_default()), None, "cut at {end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut broken = bytes.to_vec();
                if let Some(byte) = broken.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                assert_eq!(open("r", "k", 1, &broken), None, "bit {bit} of byte {at}");
            }
        }
        for garbage in [&b""[..], b"leyden1", b"{\"price\":0}", b"\xff\xfe", b"leyden1 x y z"] {
            assert_eq!(open("r", "k", 1, garbage), None);
        }
    }
}
