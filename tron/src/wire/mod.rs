//! What nodes send and take, exactly as they spell it: protobuf messages and JSON objects. Nothing here decides
//! anything; `decode` turns these into domain terms.

pub mod proto;
