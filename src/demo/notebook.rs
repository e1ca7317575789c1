//! What the customers have done, kept beside the books so that a demonstration that was killed goes on where it
//! was: a customer that signed a payment sends the same bytes again instead of paying twice.

use leyden_domain::{Timestamp, TxId};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

/// What one customer has done so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its order, where it made one.
    pub(super) order: Option<String>,
    /// What it must pay, in sun.
    pub(super) amount_sun: Option<i64>,
    /// Its payment, signed.
    pub(super) payment: Option<Payment>,
}

/// A signed payment.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Payment {
    /// Its id.
    pub(super) tx_id: TxId,
    /// The whole transaction, hexadecimal.
    pub(super) bytes: String,
    /// The block it is bound to.
    pub(super) reference: leyden_domain::BlockRef,
    /// After this moment of chain time no block may include it.
    pub(super) expiration: Timestamp,
    /// When it was first sent, by the wall clock.
    pub(super) sent_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Line {
    customer: u32,
    entry: Entry,
}

/// A file of lines, the newest of a customer being the one that counts.
#[derive(Debug)]
pub(super) struct Notebook {
    file: Mutex<File>,
    entries: Mutex<BTreeMap<u32, Entry>>,
}

impl Notebook {
    /// Opens or begins one. A last line that was torn by a kill is dropped.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        if path.exists() {
            for line in BufReader::new(File::open(path)?).lines() {
                if let Ok(Line { customer, entry }) = serde_json::from_str(&line?) {
                    entries.insert(customer, entry);
                }
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        // Ends a torn line, if there is one.
        file.write_all(b"\n")?;
        Ok(Self { file: Mutex::new(file), entries: Mutex::new(entries) })
    }

    /// What a customer has done so far.
    pub(super) fn read(&self, customer: u32) -> Entry {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&customer).cloned().unwrap_or_default()
    }

    /// Writes down what a customer has done, before it does anything that rests on it.
    pub(super) fn write(&self, customer: u32, entry: &Entry) -> io::Result<()> {
        let mut text = serde_json::to_vec(&Line { customer, entry: entry.clone() })?;
        text.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(customer, entry.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_line_counts_and_a_torn_one_does_not() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("customers.jsonl");
        let (first, second) = (
            Entry { amount_sun: Some(1), ..Entry::default() },
            Entry { amount_sun: Some(2), ..Entry::default() },
        );
        let book = Notebook::open(&path)?;
        book.write(7, &first)?;
        book.write(7, &second)?;
        drop(book);
        OpenOptions::new().append(true).open(&path)?.write_all(b"{\"customer\":7,\"entr")?;
        let book = Notebook::open(&path)?;
        assert_eq!(book.read(7), second);
        book.write(7, &first)?;
        drop(book);
        assert_eq!(Notebook::open(&path)?.read(7), first);
        Ok(())
    }
}
