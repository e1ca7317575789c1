//! What the repository asks of itself and no other tool checks. Run as `cargo run -p xtask -- tidy`.

pub mod tidy;
