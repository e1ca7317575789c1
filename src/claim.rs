//! One process serves books in a file. On PostgreSQL instances take turns by a lease in the books; on SQLite there is one,
//! and a second one, started by mistake on another port, would sign what the first does not know of.

use crate::wiring::StartError;
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// Held by whoever serves the books in a file, for as long as they do. The system lets go of it when the process ends,
/// however it ends.
#[derive(Debug)]
pub(crate) struct Claim {
    _lock: File,
}

/// The file of the claim, beside the books: whoever opened and closed the books' own would take SQLite's locks away.
fn beside(books: &Path) -> PathBuf {
    let mut path = books.as_os_str().to_owned();
    path.push(".serving");
    path.into()
}

/// Whether a process serves the books in this file.
pub(crate) fn is_claimed(books: &Path) -> bool {
    File::options().append(true).open(beside(books)).is_ok_and(|file| file.try_lock_shared().is_err())
}

impl Claim {
    /// Claims the books in this file.
    ///
    /// # Errors
    ///
    /// Another process serves them, or the file of the claim cannot be made.
    pub(crate) fn of(books: &Path) -> Result<Self, StartError> {
        let path = beside(books);
        let failed = |error| StartError::Folder { path: path.display().to_string(), error };
        let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::Served { path: books.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
