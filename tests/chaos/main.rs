//! The demonstration under load, killed with SIGKILL again and again at moments that differ, and started again on the
//! same folder: at the end every payment has been served once or waits where it should, says the chain.
//!
//! `LEYDEN_KILL_CYCLES` chooses how many kills; `make kill-test N=100`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

use serde_json::Value;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Kills before each folder is run to its end and judged.
const KILLS_PER_FOLDER: u32 = 10;
/// Customers of each folder.
const CUSTOMERS: u32 = 60;

/// Moments that differ, and the same ones in every run.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(120 + (self.0 >> 33) % 1_400)
    }
}

fn demo(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_leyden"))
        .args(["demo", "--once", "--json", "--listen", "127.0.0.1:0", "--block-time", "100ms"])
        .args(["--orders", &CUSTOMERS.to_string()])
        .arg("--data")
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs it to its end and returns the totals.
fn finish(folder: &Path) -> (Value, bool) {
    let output = demo(folder).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().next_back().unwrap_or_default();
    (serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}")), output.status.success())
}

#[test]
fn killed_again_and_again_it_loses_nothing_and_does_nothing_twice() {
    #[expect(clippy::disallowed_methods, reason = "the test has no settings")]
    let cycles: u32 = std::env::var("LEYDEN_KILL_CYCLES").map_or(10, |n| n.parse().unwrap());
    let mut moments = Moments(u64::from(cycles));
    let mut killed = 0;
    let mut seen = Vec::new();
    while killed < cycles {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..KILLS_PER_FOLDER.min(cycles - killed) {
            let mut child = demo(folder.path());
            // Not waiting for anything: the moment itself is what is chosen.
            thread::sleep(moments.next());
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        let (totals, clean) = finish(folder.path());
        let count = |name: &str| totals[name].as_u64().unwrap();
        assert!(clean, "after {killed} kills: {totals}");
        assert_eq!((count("lost"), count("doubled")), (0, 0), "after {killed} kills: {totals}");
        assert_eq!((count("delivered"), count("reclaimed")), (count("orders"), count("orders")), "{totals}");
        seen.push(format!("{} orders, {} waiting", count("orders"), count("suspense")));
    }
    assert_eq!(killed, cycles, "{seen:?}");
}
