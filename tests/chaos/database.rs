//! PostgreSQL is stopped as in a crash (`pg_ctl stop -m immediate`) while orders are made, paid and served, and started
//! again: writes are answered 503 meanwhile, nothing that was acknowledged is lost, and nobody has to help.

use crate::{
    Moments, alone, customers,
    demo::{Site, Totals, arguments},
    how_often, now, summary, until,
    writer::{Seen, Writer, make},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// Stops before each database is run to its end and judged.
const STOPS_PER_RUN: u32 = 25;

#[test]
fn what_was_acknowledged_survives_crashes_of_the_database() {
    let _alone = alone();
    let stops = how_often("LEYDEN_DATABASE_STOPS", 5);
    let mut moments = Moments(u64::from(stops));
    let mut site = Site::new();
    let (mut stopped, mut totals, mut made, mut refused, mut starts) = (0, Totals::default(), 0, 0, 0);
    let mut answers: BTreeMap<u16, u32> = BTreeMap::new();
    let mut away: Vec<Duration> = Vec::new();
    while stopped < stops {
        let ground = site.ground("");
        let mut running =
            ground.demo(&arguments(&["--orders", &customers(stops - stopped, 12, 160), "--every", "400ms"]));
        let instances = running.all(2).unwrap();
        let key = ground.key();
        let bases = Arc::new(Mutex::new(instances.values().map(|i| i.base.clone()).collect::<Vec<_>>()));
        let shared = Arc::clone(&bases);
        let writer = Writer::start(move || shared.lock().unwrap().clone(), key.clone());
        for _ in 0..STOPS_PER_RUN.min(stops - stopped) {
            if running.is_over() {
                break;
            }
            thread::sleep(moments.next(1_500));
            site.postgres.stop_immediate().unwrap();
            // Every instance says so, and says when to come again.
            let outage = Mutex::new(Seen::default());
            for base in bases.lock().unwrap().iter() {
                let wish = format!("outage-{stopped}-{base}").replace(['/', ':'], "-");
                let answer = make(base, &key, &wish, &outage);
                assert!(answer.is_none(), "an order without a database: {answer:?}");
            }
            let outage = outage.into_inner().unwrap();
            assert_eq!(outage.wrong, Vec::<String>::new());
            assert_eq!(outage.patient, 2, "{outage:?}");
            refused += outage.patient;
            site.postgres.start_again().unwrap();
            let back = now();
            stopped += 1;
            for base in bases.lock().unwrap().iter() {
                let wish = format!("after-{stopped}-{base}").replace(['/', ':'], "-");
                until("orders are taken again", || make(base, &key, &wish, &writer.seen));
            }
            away.push(back.elapsed());
        }
        // While the demonstration's customers live on, the instances still answer.
        let base = bases.lock().unwrap()[0].clone();
        let seen = writer.finish(&base, &key);
        assert_eq!(seen.wrong, Vec::<String>::new());
        made += seen.made.len();
        for (status, count) in seen.answers {
            *answers.entry(status).or_default() += count;
        }
        starts += running.starts();
        totals += running.finish(&format!("after {stopped} stops"), Some(&ground));
    }
    away.sort_unstable();
    let at = |n: usize| away.get(n).map_or(0, Duration::as_millis);
    summary(&format!(
        "PostgreSQL stopped {stopped} times: {made} orders acknowledged, none lost, {refused} asked for while it was away \
         and answered 503 with Retry-After; orders taken again {}/{} ms (middle/most) after it was back; answers {answers:?} \
         (0: none); instances started {starts} times in {totals}",
        at(away.len() / 2),
        at(away.len().saturating_sub(1)),
    ));
}
