//! Hard times that no rule of the protocol foresees: a disk that is full, a log that nobody can write, a clock that is
//! wrong or jumps. Money is not touched by any of them, and the service goes on by itself once they are over.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so at once"
)]

#[path = "../common/books.rs"]
mod books;
mod clock;
mod full_disk;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../fork_table/gates.rs"]
mod gates;
#[path = "../fork_table/judge.rs"]
mod judge;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../fork_table/play.rs"]
mod play;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../common/process.rs"]
mod process;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../fork_table/rows.rs"]
mod rows;
#[path = "../fork_table/stage.rs"]
mod stage;
#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../rental/world.rs"]
mod world;

/// Where these tests keep their books.
const ON_POSTGRES: bool = false;
