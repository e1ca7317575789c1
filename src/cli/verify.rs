//! `leyden verify`: what the command line says becomes a wish.

use super::{Failure, args::VerifyArgs};
use crate::{Settings, verify};
use leyden_domain::journal::Digest;
use std::str::FromStr;

/// An entry that was verified before: `1234`, or `1234:` and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since {
    seq: i64,
    hash: Option<Digest>,
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = "write it as 1234, or as 1234:HASH";
        let (seq, hash) = match text.split_once(':') {
            None => (text, None),
            Some((seq, hash)) => (seq, Some(hash.parse().or(Err(refused))?)),
        };
        let seq = seq.parse().or(Err(refused))?;
        if seq < 0 { Err(refused) } else { Ok(Self { seq, hash }) }
    }
}

pub(super) async fn run(settings: Settings, arguments: VerifyArgs) -> Result<u8, Failure> {
    let wish = verify::Wish {
        database: arguments.database,
        online: arguments.online,
        from: arguments.from.map(|since| (since.seq, since.hash)),
        json: arguments.json,
        accept: arguments.accept,
    };
    verify::run(settings, wish).await
}
