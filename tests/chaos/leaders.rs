//! The leader is lost in every way: killed, ended, frozen past its lease, cut off from PostgreSQL (refused, and in
//! silence), cut off from its node. Another one leads, and what the old one does when it comes back harms nothing.

use crate::{
    alone, customers,
    demo::{Instance, Site, Totals, arguments, role, signal},
    how_often, now, summary, until,
};
use leyden_test_servers::{Proxy, Wire};
use std::{collections::BTreeMap, time::Duration};

/// How a leader is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Killed,
    Terminated,
    Frozen,
    CutFromDatabase,
    SilentDatabase,
    CutFromNode,
}

const LOSSES: [Loss; 6] = [
    Loss::Killed,
    Loss::Terminated,
    Loss::Frozen,
    Loss::CutFromDatabase,
    Loss::SilentDatabase,
    Loss::CutFromNode,
];

/// The wires of one instance.
struct Wires {
    database: Proxy,
    node: Proxy,
}

impl Loss {
    fn happen(self, leader: &Instance, wires: &Wires) {
        match self {
            Self::Killed => assert!(signal("KILL", leader.pid)),
            Self::Terminated => assert!(signal("TERM", leader.pid)),
            Self::Frozen => assert!(signal("STOP", leader.pid)),
            Self::CutFromDatabase => wires.database.set(Wire::Cut),
            Self::SilentDatabase => wires.database.set(Wire::Silent),
            Self::CutFromNode => wires.node.set(Wire::Cut),
        }
    }

    fn pass(self, leader: &Instance, wires: &Wires) {
        match self {
            Self::Killed | Self::Terminated => {}
            Self::Frozen => assert!(signal("CONT", leader.pid)),
            Self::CutFromDatabase | Self::SilentDatabase => wires.database.set(Wire::Good),
            Self::CutFromNode => wires.node.set(Wire::Good),
        }
    }
}

#[test]
fn a_lost_leader_is_replaced_and_nothing_is_done_twice() {
    let _alone = alone();
    let wanted = how_often("LEYDEN_LEADER_CHANGES", 6);
    let mut site = Site::new();
    let mut took: BTreeMap<Loss, Vec<Duration>> = BTreeMap::new();
    let (mut changed, mut totals) = (0, Totals::default());
    while changed < wanted {
        let ground = site.ground("[instances]\nlease = '3s'\n[chain]\nrequest_timeout = '2s'");
        let database = ([127, 0, 0, 1], site.postgres.port()).into();
        // Where the node listens is known once the demonstration runs; until then the wire leads nowhere.
        let mut load = arguments(&[
            "--orders",
            &customers(wanted - changed, 15, 150),
            "--every",
            "400ms",
            "--node-listen",
        ]);
        let node = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        load.push(node.to_string());
        let wires: BTreeMap<u16, Wires> = (1..=2)
            .map(|n| (n, Wires { database: Proxy::to(database).unwrap(), node: Proxy::to(node).unwrap() }))
            .collect();
        for (n, Wires { database, node }) in &wires {
            let (database, node) = (database.address(), node.address());
            let url = format!("postgres://postgres@{database}/{}", ground.database);
            load.extend(arguments(&["--instance-env", &format!("{n}:LEYDEN__DATABASE__URL={url}")]));
            let nodes = format!("[{{ url = 'http://{node}', solidity_url = 'http://{node}' }}]");
            load.extend(arguments(&["--instance-env", &format!("{n}:LEYDEN__CHAIN__NODES={nodes}")]));
        }
        let mut running = ground.demo(&load);
        running.all(2).unwrap();
        let key = ground.key();
        while changed < wanted {
            // One leads and the other answers: a loss before that would be no change of leader.
            let Some((number, leader)) = until("one leads and the other stands by", || {
                if running.is_over() {
                    return Some(None);
                }
                let instances = running.instances();
                let roles: BTreeMap<_, _> =
                    instances.iter().map(|(n, i)| (*n, role(&i.base, &key).unwrap_or_default())).collect();
                let leads = roles.iter().find(|(_, role)| *role == "leading").map(|(n, _)| *n)?;
                roles.values().any(|role| role == "standby").then_some(())?;
                Some(Some((leads, instances.get(&leads)?.clone())))
            }) else {
                break;
            };
            let loss = LOSSES[usize::try_from(changed).unwrap() % LOSSES.len()];
            let own = &wires[&number];
            let lost_at = now();
            loss.happen(&leader, own);
            let replaced = until(&format!("another leads after {loss:?}"), || {
                if running.is_over() {
                    return Some(None);
                }
                // The same instance started afresh is another one: it knows nothing of the one that was lost.
                let others = running.instances().into_values().filter(|other| other.pid != leader.pid);
                others
                    .into_iter()
                    .any(|other| role(&other.base, &key).as_deref() == Some("leading"))
                    .then(|| Some(lost_at.elapsed()))
            });
            loss.pass(&leader, own);
            let Some(replaced) = replaced else { break };
            took.entry(loss).or_default().push(replaced);
            changed += 1;
        }
        summary(&format!("{changed} changes of leader so far: {took:?}"));
        totals += running.finish(&format!("after {changed} changes of leader"), Some(&ground));
    }
    let mut all: Vec<_> = took.values().flatten().copied().collect();
    all.sort_unstable();
    let each: Vec<_> = took.iter_mut().map(|(loss, times)| format!("{loss:?} {}", spread(times))).collect();
    summary(&format!(
        "changes of leader: {changed}, another led after {} (lease 3s; {}); {totals}",
        spread(&mut all),
        each.join(", ")
    ));
}

/// Least, middle and most.
fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |n: usize| times.get(n).map_or(0, Duration::as_millis);
    format!("{}/{}/{} ms", at(0), at(times.len() / 2), at(times.len().saturating_sub(1)))
}
