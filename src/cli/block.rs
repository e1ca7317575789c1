//! `leyden block`: what a file of blocks holds.

use super::{Failure, args::BlockArgs, json, print};
use leyden_tron::inspect;
use std::io::{self, Read};

pub(super) fn run(arguments: &BlockArgs) -> Result<u8, Failure> {
    let named =
        |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", arguments.file.display()));
    let bytes = if arguments.file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(&arguments.file)
    };
    let reports = inspect::inspect(&bytes.map_err(|error| named(&error))?).map_err(|error| named(&error))?;
    if arguments.json {
        for report in &reports {
            json(report)?;
        }
    } else {
        print::raw(&inspect::table(&reports))?;
    }
    Ok(0)
}
