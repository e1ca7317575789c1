//! What the repository asks of itself and no other tool does. `cargo run -p xtask -- tidy` checks the house rules;
//! `cargo run -p xtask -- test` runs the test programs that cargo has built.

pub mod test;
pub mod tidy;
