//! Private servers for tests: real processes on free loopback ports with folders of their own, gone when the test
//! process is, however it ends. Nothing here is part of the service.

mod postgres;
mod process;
mod prometheus;
mod proxy;
mod redis;

pub use postgres::{Postgres, PostgresOptions};
pub use process::ServerError;
pub use prometheus::Prometheus;
pub use proxy::{Proxy, Wire};
pub use redis::{RedisServer, Reply};
