//! Pages of lists. A cursor is opaque to clients; inside it is where the page before ended.

use super::{code::Code, error::ApiError};
use leyden_domain::Timestamp;
use leyden_ports::store::Page;

/// Most rows of a page.
const MOST: u32 = 100;
const DEFAULT: u32 = 20;

/// The page that a request asks for; one row more than it shows, to know whether there is a next one.
pub(crate) fn page(cursor: Option<&str>, limit: Option<&str>) -> Result<(Page, usize), ApiError> {
    let out_of_range = || ApiError::query("limit", format!("must be a whole number between 1 and {MOST}"));
    let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let limit: u32 = match limit {
        None => DEFAULT,
        Some(text) => {
            Some(text).filter(digits).and_then(|text| text.parse().ok()).ok_or_else(out_of_range)?
        }
    };
    if limit == 0 || limit > MOST {
        return Err(out_of_range());
    }
    let refusal = |name: &str| ApiError::plain(Code::InvalidCursor).blame(name.to_owned());
    let after = cursor.map(|text| read(text).ok_or_else(|| refusal("cursor"))).transpose()?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok((Page { after, limit: limit.saturating_add(1) }, shown))
}

/// Cuts the row that was read beyond the page, and says where the next page begins.
pub(crate) fn cut<T>(
    rows: &mut Vec<T>,
    shown: usize,
    place: impl Fn(&T) -> (Timestamp, String),
) -> Option<String> {
    let more = rows.len() > shown;
    rows.truncate(shown);
    rows.last().filter(|_| more).map(|row| {
        let (at, id) = place(row);
        hex::encode(format!("{}:{id}", at.ms()))
    })
}

fn read(text: &str) -> Option<(Timestamp, String)> {
    let inner = String::from_utf8(hex::decode(text).ok()?).ok()?;
    let (ms, id) = inner.split_once(':')?;
    let plain =
        !id.is_empty() && id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then_some(())?;
    Some((Timestamp::from_ms(ms.parse().ok()?), id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{cut, page, read};
    use leyden_domain::Timestamp;

    #[test]
    fn a_cursor_leads_to_the_next_page_only_where_there_is_one() {
        let place = |id: &u32| (Timestamp::from_ms(7), format!("ord_{id}"));
        let mut rows = vec![1, 2, 3];
        let next = cut(&mut rows, 2, place);
        assert_eq!(rows, [1, 2]);
        let (page, _) = page(next.as_deref(), Some("2")).unwrap();
        assert_eq!(page.after, Some((Timestamp::from_ms(7), "ord_2".to_owned())));
        assert_eq!(cut(&mut vec![1, 2], 2, place), None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for bad in ["", "zz", "313a", &hex::encode("1:a' OR 1=1"), &hex::encode("x:ord_1"), "é"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(["0", "101", "", "+1", "x"].iter().all(|limit| page(None, Some(limit)).is_err()));
    }
}
