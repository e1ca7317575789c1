//! `leyden block`: what a file of blocks holds, and whether anything in it is proven to be false.

use super::{Failure, args::BlockArgs, json, print};
use leyden_tron::{
    inspect::{self, InspectOptions},
    verify::WitnessKeys,
};
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
    let options =
        InspectOptions { witness_keys: witness_keys(&arguments.witness_key)?, ..InspectOptions::default() };
    let bytes = bytes.map_err(|error| named(&error))?;
    let reports = inspect::inspect_with(&bytes, &options).map_err(|error| named(&error))?;
    if arguments.json {
        for report in &reports {
            json(report)?;
        }
    } else {
        print::raw(&inspect::table(&reports))?;
    }
    let wrong: Vec<_> = reports
        .iter()
        .flat_map(|report| {
            report.wrong.iter().map(|wrong| format!("block {}: {}", report.number, wrong.text))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(0);
    }
    Err(named(&format_args!("proven to be false:\n{}", wrong.join("\n"))))
}

/// The keys that witnesses have given the right to sign for them.
fn witness_keys(pairs: &[String]) -> Result<WitnessKeys, Failure> {
    let mut keys = WitnessKeys::default();
    for pair in pairs {
        let read = pair.split_once('=').map(|(witness, signer)| (witness.parse(), signer.parse()));
        let Some((Ok(witness), Ok(signer))) = read else {
            return Err(Failure::new(format!(
                "--witness-key {pair}: not two addresses as in WITNESS=SIGNER"
            )));
        };
        keys.allow(witness, signer);
    }
    Ok(keys)
}
