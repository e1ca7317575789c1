//! `leyden config`: the default, and a check that reports everything at once.

use super::{BAD_CONFIGURATION, Failure, line, print};
use crate::settings::{self, Environment, Settings};
use std::path::Path;

pub(super) fn default() -> Result<u8, Failure> {
    print::raw(settings::DEFAULT)?;
    Ok(0)
}

pub(super) fn check(file: Option<&Path>, environment: &Environment) -> Result<u8, Failure> {
    let settings = match Settings::load(file, environment) {
        Ok(settings) => settings,
        Err(problems) => {
            for problem in problems.iter() {
                line(format_args!("error    {}: {}", problem.key, problem.text))?;
            }
            return Ok(BAD_CONFIGURATION);
        }
    };
    for warning in settings.warnings() {
        line(format_args!("warning  {warning}"))?;
    }
    match settings.check_for_serving() {
        Ok(()) => {
            line("ok")?;
            Ok(0)
        }
        Err(problems) => {
            for problem in problems.iter() {
                line(format_args!("missing  {}: {}", problem.key, problem.text))?;
            }
            Ok(BAD_CONFIGURATION)
        }
    }
}
