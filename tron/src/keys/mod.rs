//! Keys: where they rest (encrypted files), where they live (a ring in memory that signs and gives nothing
//! out), and what each of them may sign.

mod file;
mod folder;
pub mod permission;
mod policy;
mod ring;

pub use file::{KdfCost, KeyFile, KeyFileError};
pub use folder::{import, list, open_all};
pub use policy::KeyPolicy;
pub use ring::{KeyId, KeyRing};
