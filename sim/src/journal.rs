//! What lets a chain outlive its process: a file with one line per block, rewind or development action. A line is
//! written before its effect becomes visible, so nobody ever saw a block that a restarted chain does not have. A
//! line cut short by the end of the process is dropped.

use crate::{config::ChainConfig, dev::DevAction, error::SimError};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// What the chain is made of; the first line, and only there.
    Genesis(Box<ChainConfig>),
    /// A block, serialized, in hexadecimal.
    Block(String),
    /// Everything above this height was abandoned.
    Rewind(i64),
    /// The state was changed from outside.
    Dev(DevAction),
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    /// Where the last whole line ends.
    end: u64,
}

impl Journal {
    /// Opens or creates a journal and reads what is in it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Record>), SimError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| SimError::Journal(error.to_string()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| SimError::Journal(error.to_string()))?;
        let (records, end) = whole_lines(&bytes)?;
        // What follows the last whole line never took effect.
        file.set_len(end).map_err(|error| SimError::Journal(error.to_string()))?;
        file.seek(SeekFrom::End(0)).map_err(|error| SimError::Journal(error.to_string()))?;
        Ok((Self { file, end }, records))
    }

    /// Appends a record. Handed to the operating system when this returns, so the end of the process cannot take
    /// it back. After a failed write the journal is as it was before.
    pub(crate) fn append(&mut self, record: &Record) -> Result<(), SimError> {
        let mut line = serde_json::to_vec(record).map_err(|error| SimError::Journal(error.to_string()))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            let repaired =
                self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
            return Err(SimError::Journal(match repaired {
                Ok(_) => error.to_string(),
                Err(second) => format!("{error}; and the torn line could not be removed: {second}"),
            }));
        }
        self.end = self.end.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

/// The records of all lines that end, and where the last of them ends. A line that ends but cannot be read is not
/// a torn tail: the file is not one of ours.
fn whole_lines(bytes: &[u8]) -> Result<(Vec<Record>, u64), SimError> {
    let mut records = Vec::new();
    let mut end = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some((b'\n', text)) = line.split_last() else { break };
        let record = serde_json::from_slice(text)
            .map_err(|error| SimError::Journal(format!("line {}: {error}", records.len() + 1)))?;
        records.push(record);
        end += line.len();
    }
    Ok((records, u64::try_from(end).unwrap_or(u64::MAX)))
}
