//! The command line. Each command is one file; this one says what there is and turns results into exit codes.

mod args;
mod block;
pub(crate) mod chain;
mod check;
mod halt;
mod healthcheck;
pub(crate) mod hold;
mod keys;
mod migrate;
mod print;
mod serve;
mod simulate;
mod verify;

pub use args::{Cli, DemoArgs};
pub(crate) use print::{Failure, aside, json, line};

use crate::settings::{Environment, Settings};
use args::{Command, ConfigCommand, KeysCommand};
use clap::{CommandFactory, FromArgMatches, parser::ValueSource};
use std::{path::Path, process::ExitCode, sync::Arc};

/// Exit code for a configuration that is not fit (`EX_CONFIG`).
const BAD_CONFIGURATION: u8 = 78;

/// Reads the command line of this process and does what it says.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let named = matches.value_source("config") == Some(ValueSource::CommandLine);
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // A demonstration fills the database that it is given: one that an environment happens to name is not meant.
    if matches!(cli.command, Command::Demo(_)) && !named {
        cli.config = None;
    }
    run(cli, &Environment::of_process())
}

/// Does what a command line says.
pub fn run(cli: Cli, environment: &Environment) -> ExitCode {
    let file = cli.config.as_deref();
    let done = match cli.command {
        Command::Demo(arguments) => demo(arguments, file, environment),
        Command::Serve(arguments) => {
            with_settings(file, environment, |settings| on_actix(serve::run(settings, arguments)))
        }
        Command::Chain(arguments) => on_actix(chain::run(arguments)),
        Command::Block(arguments) => block::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Migrate(arguments) => {
            with_settings(file, environment, |settings| on_actix(migrate::run(settings, arguments)))
        }
        Command::Doctor(arguments) => with_settings(file, environment, |settings| {
            on_actix(crate::doctor::run(settings, arguments.json))
        }),
        Command::Verify(arguments) => {
            with_settings(file, environment, |settings| on_actix(verify::run(settings, arguments)))
        }
        Command::Hold(arguments) => {
            with_settings(file, environment, |settings| on_actix(hold::run(settings, arguments)))
        }
        Command::Halt(command) => {
            with_settings(file, environment, |settings| on_actix(halt::run(settings, command)))
        }
        Command::Keys(KeysCommand::Import(arguments)) => {
            with_settings(file, environment, |settings| on_actix(keys::import(settings, arguments)))
        }
        Command::Keys(KeysCommand::Api(arguments)) => {
            with_settings(file, environment, |settings| on_actix(keys::api(settings, arguments)))
        }
        Command::Keys(KeysCommand::Revoke(arguments)) => {
            with_settings(file, environment, |settings| on_actix(keys::revoke(settings, arguments)))
        }
        Command::Keys(KeysCommand::List) => {
            with_settings(file, environment, |settings| on_actix(keys::list(settings)))
        }
        Command::Config(ConfigCommand::Default) => check::default(),
        Command::Config(ConfigCommand::Check(arguments)) => {
            check::check(arguments.file.as_deref().or(file), environment)
        }
        Command::Healthcheck(arguments) => {
            with_settings(file, environment, |settings| healthcheck::run(&settings, &arguments))
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            print::complain(&failure);
            ExitCode::from(failure.code)
        }
    }
}

/// Runs a demonstration, as long as whoever wants it to end with them is there.
fn demo(arguments: DemoArgs, file: Option<&Path>, environment: &Environment) -> Result<u8, Failure> {
    if arguments.while_stdin_is_open {
        serve::end_with_stdin(Arc::default())?;
    }
    on_actix(crate::demo::run(arguments, file, environment))
}

/// Reads the configuration and goes on with it.
fn with_settings(
    file: Option<&Path>,
    environment: &Environment,
    work: impl FnOnce(Settings) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    work(Settings::load(file, environment)?)
}

/// Runs a command that waits for things. The actix system is what actors and the API live in.
fn on_actix(work: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    actix_rt::System::new().block_on(work)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
