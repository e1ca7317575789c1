//! `leyden halt`: what makes money stand still, from the books alone, so that it does not matter whether a service runs
//! or answers: whoever is at work is refused by the books from the next commit on.

use super::{
    Failure,
    args::{HaltCommand, LiftArgs, RaiseArgs},
    line,
};
use crate::{Settings, system_clock::SystemClock, system_entropy::SystemEntropy, wiring::open_store};
use leyden_domain::{
    HaltId,
    halt::{Halt, HaltCause, Lift},
};
use leyden_ports::{
    Clock, Entropy,
    store::{HaltStore, LiftRefusal, NewHalt, Page, Raised},
};
use leyden_store::{MigrationMode, SqlStore};

/// Who did it, in the books.
const BY: &str = "cli";
/// How many halts are listed.
const LISTED: u32 = 50;

pub(super) async fn run(settings: Settings, command: HaltCommand) -> Result<u8, Failure> {
    let store = open_store(&settings, MigrationMode::Refuse).await?;
    let done = match command {
        HaltCommand::List => list(&store).await,
        HaltCommand::Raise(arguments) => raise(&store, arguments).await,
        HaltCommand::Lift(arguments) => lift(&store, arguments).await,
    };
    store.close().await;
    done.map(|()| 0)
}

fn told(halt: &Halt) -> String {
    let since = crate::http::show_time(halt.since);
    let cause = halt.cause.name();
    let end = halt.lifted.as_ref().map_or_else(
        || "OPEN".to_owned(),
        |lift| format!("lifted {} by {}: {}", crate::http::show_time(lift.at), lift.by, lift.reason),
    );
    format!(
        "{}  {since}  {cause}  by {}  {end}\n    {}",
        halt.id,
        halt.raised_by,
        halt.detail.replace('\n', "\n    ")
    )
}

async fn list(store: &SqlStore) -> Result<(), Failure> {
    let halts = store.list_halts(&Page { after: None, limit: LISTED }).await?;
    if halts.is_empty() {
        return line("there never was a halt");
    }
    halts.iter().try_for_each(|halt| line(told(halt)))
}

async fn raise(store: &SqlStore, arguments: RaiseArgs) -> Result<(), Failure> {
    let at = SystemClock.now();
    let new = NewHalt {
        id: HaltId::new(at, SystemEntropy.for_id()),
        cause: HaltCause::Operator,
        detail: arguments.reason,
        evidence: Vec::new(),
        at,
        by: BY.to_owned(),
    };
    match store.raise_halt(new).await? {
        Raised::Fresh(halt) => line(format!("money stands still: {}", halt.id)),
        Raised::Open(halt) => line(format!("money stood still already: {}", halt.id)),
    }
}

async fn lift(store: &SqlStore, arguments: LiftArgs) -> Result<(), Failure> {
    let lift = Lift { at: SystemClock.now(), by: BY.to_owned(), reason: arguments.reason };
    let halt = store.lift_halt(arguments.halt, lift).await.map_err(|refusal| match refusal {
        LiftRefusal::Store(error) => Failure::from(error),
        refusal => Failure::new(format!("{}: {refusal}", arguments.halt)),
    })?;
    let open = store.open_halts().await?;
    line(format!("{} is lifted; {} halts are open", halt.id, open.len()))
}
