//! What nodes send and take, exactly as they spell it: protobuf messages and JSON objects. Nothing here decides
//! anything; [`crate::decode`] turns these into domain terms.

pub mod answers;
pub mod hexadecimal;
pub mod json;
pub mod json_raw;
pub mod proto;
pub mod walk;
