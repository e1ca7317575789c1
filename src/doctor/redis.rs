//! Redis from outside. It may be absent; if it is named it should be fast and keep nothing.

use super::report::Report;
use crate::Settings;
use std::time::Duration;

const WHAT: &str = "Redis";
/// Slower than this it makes cached answers slower than the database would.
const SLOW: Duration = Duration::from_millis(10);

pub(super) async fn check(settings: &Settings, report: &mut Report) {
    let options = match settings.cache.redis() {
        Ok(Some(options)) => options,
        Ok(None) => {
            report.ok(WHAT, "none is configured: the cache is in the process");
            return;
        }
        Err(error) => {
            report.bad(WHAT, &error.to_string(), "mend cache.redis_url");
            return;
        }
    };
    let facts = match options.inspect().await {
        Ok(facts) => facts,
        Err(error) => {
            // Without it everything works.
            report.odd(
                WHAT,
                &format!("cannot be used: {error}"),
                "mend cache.redis_url, its password, or Redis",
            );
            return;
        }
    };
    let took = format!("{}.{:03} ms", facts.took.as_millis(), facts.took.as_micros() % 1_000);
    if facts.took > SLOW {
        report.odd(WHAT, &format!("{} answers in {took}", facts.version), "bring it nearer, or leave it out");
    } else {
        report.ok(WHAT, &format!("{} answers in {took}", facts.version));
    }
    if facts.policy != "allkeys-lru" && facts.policy != "allkeys-lfu" {
        report.odd(
            WHAT,
            &format!(
                "when it is full it does as {} says",
                if facts.policy.is_empty() { "nobody" } else { &facts.policy }
            ),
            "set maxmemory-policy allkeys-lru: otherwise a full one refuses what is newest",
        );
    }
    if facts.max_memory == Some(0) {
        report.odd(WHAT, "has no limit on its memory", "set maxmemory");
    }
    if facts.persists == Some(true) {
        report.odd(
            WHAT,
            "keeps what it holds on a disk",
            "switch it off (save \"\", appendonly no): after a restart old answers would be back",
        );
    }
}
