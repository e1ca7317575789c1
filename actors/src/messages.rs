//! The messages between actors. They carry no facts: a message says "look again", the books say what is true, so a
//! lost one costs time and nothing else.

use actix::Message;

/// Something may have changed that concerns you. Sent without waiting; many of them become one look.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct Look;
