//! What an idle child costs, because there may be one per open order. Alone in its process: it measures it.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests; the figure is the point")]

use std::{sync::Arc, time::Duration};

use actix::prelude::{Actor, AsyncContext};
use leyden_actors::kernel::{Context, GroupSpec, HealthRegistry, Policy, Shutdown, State, Supervisor};
use leyden_domain::Timestamp;
use leyden_ports::Clock;

const CHILDREN: u32 = 100_000;
/// Generous: the aim is 1.3 KiB with one timer.
const BOUND: u64 = 2_048;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(0)
    }
}

struct Idle {
    timer: bool,
}

impl Actor for Idle {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if self.timer {
            ctx.run_later(Duration::from_mins(30), |_, _| {});
        }
    }
}

/// Resident bytes of this process, or nothing where the system does not say.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}

#[actix::test]
async fn a_hundred_thousand_idle_children_fit() {
    let tree = Supervisor::root("leyden", HealthRegistry::new(Arc::new(Stopped)), Shutdown::new());
    for timer in [false, true] {
        let before = resident();
        let name = if timer { "timed" } else { "plain" };
        let group = tree
            .group(GroupSpec::new(name, Policy::transient(), CHILDREN), move |_: &u64, _| Idle { timer })
            .unwrap();
        for key in 0..u64::from(CHILDREN) {
            group.start(key).unwrap();
        }
        let path = format!("leyden/{name}");
        while tree.registry().group(&path).unwrap().running < CHILDREN {
            tokio::task::yield_now().await;
        }
        assert_eq!(group.get(&0).unwrap().state(), State::Running);
        let (Some(before), Some(after)) = (before, resident()) else {
            eprintln!("memory not measured: no /proc/self/statm here");
            return;
        };
        let each = after.saturating_sub(before) / u64::from(CHILDREN);
        eprintln!("{name} child: {each} bytes each, {CHILDREN} of them");
        assert!(each <= BOUND, "{each} bytes per {name} child");
    }
}
