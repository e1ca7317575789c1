//! A folder of key files, one per account and permission, readable by its owner alone.

use super::{KdfCost, KeyFile, KeyFileError, KeyId, KeyPolicy, KeyRing};
use crate::crypto::SecretKey;
use leyden_ports::Entropy;
use secrecy::SecretString;
use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The largest file that can be a key.
const MAX_FILE: u64 = 64 * 1024;

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    let path = path.display().to_string();
    move |error| KeyFileError::Io { path, error }
}

/// Encrypts a key into the folder and returns the file. Never overwrites one.
pub fn import(
    folder: &Path,
    key: &SecretKey,
    id: KeyId,
    policy: KeyPolicy,
    passphrase: &SecretString,
    cost: KdfCost,
    entropy: &dyn Entropy,
) -> Result<PathBuf, KeyFileError> {
    let text = KeyFile::seal(key, id, policy, passphrase, cost, entropy)?.to_text()?;
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    let path = folder.join(format!("{}-{}.json", id.owner, id.permission_id));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut file = options.open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(io_error(&path))?;
    Ok(path)
}

/// The key files of a folder, by name. Opens none of them.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, KeyFile)>, KeyFileError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let size = fs::metadata(&path).map_err(io_error(&path))?.len();
            if size > MAX_FILE {
                return Err(KeyFileError::Format(format!("{} is too large", path.display())));
            }
            let text = fs::read_to_string(&path).map_err(io_error(&path))?;
            let file = KeyFile::parse(&text)?;
            Ok((path, file))
        })
        .collect()
}

/// Opens every key of a folder. One that cannot be opened is an error: a service that lacks a key it was given
/// would find out when money is waiting.
pub fn open_all(folder: &Path, passphrase: &SecretString) -> Result<KeyRing, KeyFileError> {
    let mut ring = KeyRing::new();
    for (path, file) in list(folder)? {
        if ring.keys().any(|(id, _, _)| id == file.id()) {
            return Err(KeyFileError::Format(format!(
                "{} is a second key for the same permission",
                path.display()
            )));
        }
        ring.insert(file.id(), file.open(passphrase)?, file.policy());
    }
    Ok(ring)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leyden_domain::Address;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn what_is_imported_is_listed_and_opened_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keys");
        let key = SecretKey::from_bytes(&[1; 32]).expect("key");
        let id = KeyId { owner: Address::from_evm([8; 20]), permission_id: 3 };
        let passphrase = SecretString::from("correct horse");
        let cost = KdfCost { memory_kib: 64, passes: 1, lanes: 1 };
        let put = || import(&path, &key, id, KeyPolicy::Delegation, &passphrase, cost, &Fixed);
        let file = put().expect("imports");
        assert!(matches!(put(), Err(KeyFileError::Io { .. })));
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("file").permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        let listed = list(&path).expect("lists");
        assert_eq!(
            listed.first().map(|(path, file)| (path.clone(), file.signer())),
            Some((file.clone(), key.address()))
        );
        let ring = open_all(&path, &passphrase).expect("opens");
        assert_eq!(ring.keys().collect::<Vec<_>>(), [(id, key.address(), KeyPolicy::Delegation)]);
        assert!(open_all(&path, &SecretString::from("wrong")).is_err());
        fs::copy(&file, path.join("again.json")).expect("copies");
        assert!(matches!(open_all(&path, &passphrase), Err(KeyFileError::Format(_))));
    }
}
