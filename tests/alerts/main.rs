//! The alert rules in a real Prometheus, before real instances of the built program, with something wrong in each situation:
//! the right rules fire with the right texts, and no others do. What is expected here is the table of
//! docs/operating/alerts.md.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "this test uses a part of it")]
#[path = "../common/process.rs"]
mod process;
mod rules;
mod stage;

use leyden_test_servers::{Prometheus, Wire};
use stage::{Ground, Site, Stage};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};
use tokio::time::Instant;

/// How long everything is well before something goes wrong: longer than rules wait that wait for a minute.
const WELL: Duration = Duration::from_secs(6);
/// How long a situation is watched at least, times how much faster the rules are: longer than the most patient rule waits
/// (ten minutes), and some of its reasons take.
const WATCHED: Duration = Duration::from_secs(42 * rules::FASTER);
/// When what should fire and has not is said never to.
const NEVER: Duration = Duration::from_mins(2);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// So many situations are played at a time: a small machine has two cores, and each has its instances and its Prometheus.
const AT_A_TIME: usize = 4;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    OneNode,
    Nodes,
    NodesFromTheStart,
    Block,
    Database,
    Leader,
    Everybody,
}

struct Situation {
    site: Site,
    wrong: Wrong,
    /// The row's first column.
    name: &'static str,
    /// Rules, and what they say; `*` is what differs from time to time.
    fires: &'static [(&'static str, &'static str)],
}

const BLIND: (&str, &str) =
    ("PaymentMonitoringFailing", "Payments were not being watched for at * of the checks of ten minutes");
const UNHEARD: (&str, &str) =
    ("ChainUnheard", "No node tells anything of the chain: no payment is seen, no order is taken");
const UNFIT: (&str, &str) = ("NodeUnfit", "The node * has not been fit to be asked for ten minutes");
const NO_LEADER: (&str, &str) = ("NoLeader", "No instance does the work: nothing is read, nothing is signed");
const NO_STORE: (&str, &str) = ("StoreUnavailable", "* cannot reach the database");
const DOWN: (&str, &str) = ("LeydenDown", "* does not answer");

const SITUATIONS: [Situation; 11] = [
    Situation { site: Site::Alone, wrong: Wrong::Nothing, name: "one instance, all well", fires: &[] },
    Situation { site: Site::Two, wrong: Wrong::Nothing, name: "two instances, all well", fires: &[] },
    Situation {
        site: Site::Alone,
        wrong: Wrong::OneNode,
        name: "one instance, one of two nodes away",
        fires: &[UNFIT],
    },
    Situation {
        site: Site::Alone,
        wrong: Wrong::Nodes,
        name: "one instance, all nodes away",
        fires: &[BLIND, UNHEARD, UNFIT],
    },
    Situation {
        site: Site::Alone,
        wrong: Wrong::NodesFromTheStart,
        name: "one instance, started with all nodes away",
        fires: &[BLIND, UNHEARD, UNFIT],
    },
    Situation {
        site: Site::Two,
        wrong: Wrong::Nodes,
        name: "two instances, all nodes away",
        fires: &[BLIND, UNHEARD, UNFIT],
    },
    Situation {
        site: Site::Alone,
        wrong: Wrong::Block,
        name: "one instance, a block that one node cannot prove, and no second node",
        fires: &[
            BLIND,
            UNFIT,
            ("ChainBlocked", "Block * cannot be read from any node: the books stand still before it"),
            ("ChainLagging", "The books are * blocks behind the chain"),
        ],
    },
    Situation {
        site: Site::AloneOnPostgres,
        wrong: Wrong::Database,
        name: "one instance, PostgreSQL away",
        fires: &[BLIND, NO_STORE, NO_LEADER],
    },
    Situation {
        site: Site::Two,
        wrong: Wrong::Database,
        name: "two instances, PostgreSQL away",
        fires: &[BLIND, NO_STORE, NO_LEADER],
    },
    Situation {
        site: Site::Two,
        wrong: Wrong::Leader,
        name: "two instances, the leader killed",
        fires: &[DOWN],
    },
    Situation {
        site: Site::Two,
        wrong: Wrong::Everybody,
        name: "two instances, both killed",
        fires: &[DOWN, NO_LEADER],
    },
];

/// Whether a text is what a pattern says.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() > pattern.len() - 1 && text.starts_with(before) && text.ends_with(after)
        }
    }
}

/// What fired, and all that it said.
type Fired = BTreeMap<String, BTreeSet<String>>;

impl Situation {
    /// What is not as it should be.
    async fn play(&self, ground: &Ground) -> Result<(), String> {
        let mut stage = Stage::new(ground, self.site, self.wrong == Wrong::Block);
        if self.wrong == Wrong::NodesFromTheStart {
            stage.cut_nodes(2);
        }
        // An election takes as long as it takes.
        let faster = if self.wrong == Wrong::Leader { rules::HARDLY_FASTER } else { rules::FASTER };
        let watched = WATCHED / u32::try_from(faster).unwrap();
        stage.start(ground, self.site, faster);
        let mut fired = Fired::new();
        self.until("it is watched", async || stage.is_watched().await).await?;
        if self.wrong != Wrong::NodesFromTheStart {
            self.until("all is well", async || {
                for instance in 0..stage.instances.len() {
                    if stage.status(instance).await["status"] != "ok" {
                        return false;
                    }
                }
                true
            })
            .await?;
            // Who is to read on with one node alone needs to know the witnesses.
            if matches!(self.wrong, Wrong::OneNode | Wrong::Nodes | Wrong::Block) {
                process::until_witnesses_are_known(&stage.client, &stage.status_page(0)).await;
            }
            let well = Instant::now();
            while well.elapsed() < WELL {
                self.look(&stage, &mut fired).await;
                if !fired.is_empty() {
                    return Err(format!("fired although nothing was wrong yet: {fired:?}"));
                }
            }
        }
        self.go_wrong(&mut stage).await;
        let wrong = Instant::now();
        loop {
            self.look(&stage, &mut fired).await;
            let all = self.fires.iter().all(|(name, _)| fired.contains_key(*name));
            if wrong.elapsed() > NEVER || (all && wrong.elapsed() > watched) {
                break;
            }
        }
        let expected: BTreeSet<&str> = self.fires.iter().map(|(name, _)| *name).collect();
        let found: BTreeSet<&str> = fired.keys().map(String::as_str).collect();
        if expected != found {
            return Err(format!("{expected:?} should fire, and {fired:?} did"));
        }
        for (name, pattern) in self.fires {
            if let Some(text) = fired[*name].iter().find(|text| !fits(pattern, text)) {
                return Err(format!("{name} says {text:?}, not {pattern:?}"));
            }
        }
        let broken = stage.broken_rules().await;
        if !broken.is_empty() {
            return Err(format!("rules that cannot be evaluated: {broken:?}"));
        }
        Ok(())
    }

    async fn look(&self, stage: &Stage, fired: &mut Fired) {
        for (name, text) in stage.firing().await {
            fired.entry(name).or_default().insert(text);
        }
        tokio::time::sleep(LOOK).await;
    }

    async fn until(&self, what: &str, there: impl AsyncFn() -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !there().await {
            if began.elapsed() > NEVER {
                return Err(format!("{what}: never"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn go_wrong(&self, stage: &mut Stage) {
        match self.wrong {
            Wrong::Nothing | Wrong::NodesFromTheStart => {}
            Wrong::OneNode => stage.cut_nodes(1),
            Wrong::Nodes => stage.cut_nodes(2),
            Wrong::Block => {
                stage.cut_nodes(1);
                stage.lie().await;
                // What is wrong is what the node shows, and not that it is alone.
                let unproven = |page: &serde_json::Value| {
                    let reason = page["chain"]["blockedAt"]["reason"].as_str();
                    reason.is_some_and(|reason| reason.contains("waits for a second node (root)"))
                };
                stage.client.until(&stage.status_page(0), unproven).await;
            }
            Wrong::Database => stage.database.as_ref().unwrap().set(Wire::Cut),
            Wrong::Leader => {
                let leads = stage.status(0).await["role"] == "leading";
                stage.instances.remove(usize::from(!leads)).kill();
            }
            Wrong::Everybody => stage.instances.drain(..).for_each(process::Running::kill),
        }
    }
}

#[test]
fn the_right_rules_fire_with_the_right_texts_and_no_others() {
    let ground = Ground::new();
    // The longest first.
    let mut waiting: Vec<&Situation> = SITUATIONS.iter().collect();
    waiting.sort_by_key(|situation| situation.wrong == Wrong::Leader);
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let play_all = || {
        let mut failed = Vec::new();
        while let Some(situation) = next() {
            let played = actix_rt::System::new().block_on(situation.play(&ground));
            failed.extend(played.err().map(|why| format!("{}: {why}", situation.name)));
        }
        failed
    };
    let failed: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(play_all)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_table_of_the_runbook_is_what_is_tried() {
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating/alerts.md");
    let runbook = fs::read_to_string(runbook).unwrap();
    let header = "| situation | fires, and nothing else | what it says |";
    let table: Vec<&str> = runbook
        .lines()
        .skip_while(|line| *line != header)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let expected: Vec<String> = SITUATIONS
        .iter()
        .map(|situation| {
            let names: Vec<&str> = situation.fires.iter().map(|(name, _)| *name).collect();
            let texts: Vec<String> =
                situation.fires.iter().map(|(_, text)| format!("\"{}\"", text.replace('*', "…"))).collect();
            let or_none = |list: String| if list.is_empty() { "–".to_owned() } else { list };
            format!(
                "| {} | {} | {} |",
                situation.name,
                or_none(names.join(", ")),
                or_none(texts.join("<br>"))
            )
        })
        .collect();
    assert_eq!(table, expected, "\n{}\n", expected.join("\n"));
}

/// Every rule by itself, with figures made up for it.
#[test]
fn every_rule_is_fired_and_cleared_by_made_up_figures() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/alerts_test.yml");
    let said = Prometheus::test_rules(&tests).unwrap_or_else(|error| panic!("{error}"));
    assert!(said.contains("SUCCESS"), "{said}");
}
