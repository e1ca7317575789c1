//! The benchmarks, each beside a bare reference in the same run. `cargo bench --bench leyden` runs all,
//! `cargo bench --bench leyden -- decode` one. They print; they assert nothing.

mod books;
mod cached_read;
mod create;
mod decode;
mod ill_cache;
mod measure;
mod open_orders;
mod rental;
mod service;

/// A benchmark that cannot go on says why.
type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    if is_wanted("decode") {
        decode::run();
    }
    if is_wanted("rental") {
        rental::run(false)?;
    }
    if is_wanted("rental_postgres") {
        rental::run(true)?;
    }
    if is_wanted("create") {
        create::run()?;
    }
    if is_wanted("cached_read") {
        cached_read::run()?;
    }
    if is_wanted("ill_cache") {
        ill_cache::run()?;
    }
    if is_wanted("open_orders") {
        open_orders::run(false)?;
    }
    if is_wanted("open_orders_postgres") {
        open_orders::run(true)?;
    }
    Ok(())
}
