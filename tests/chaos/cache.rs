//! Redis is killed, frozen, emptied and filled with garbage while orders are made, paid and served: nothing fails, and
//! nothing is otherwise at the end.

use crate::{
    alone,
    demo::{Site, Totals, arguments},
    how_often, summary, until,
    writer::{Writer, make},
};
use leyden_test_servers::Reply;
use std::{sync::Mutex, thread, time::Duration};

/// How long each illness lasts.
const ILL: Duration = Duration::from_millis(1_500);

/// Overwrites whatever is there.
fn garble(site: &Site) -> usize {
    let Ok(Reply::Array(keys)) = site.redis.command(&["KEYS", "*"]) else { return 0 };
    let mut garbled = 0;
    for key in keys {
        if let Reply::Bytes(key) = key {
            site.redis.command(&[b"SET".to_vec(), key, b"\xff{\"not\": what it was\0".to_vec()]).unwrap();
            garbled += 1;
        }
    }
    garbled
}

#[test]
fn a_cache_that_is_ill_in_every_way_changes_nothing() {
    let _alone = alone();
    let illnesses = how_often("LEYDEN_CACHE_FAULTS", 8);
    let mut site = Site::new();
    let (mut ill, mut garbled, mut made, mut totals) = (0, 0, 0, Totals::default());
    while ill < illnesses {
        let ground = site.ground("");
        let mut running = ground.demo(&arguments(&["--orders", "60", "--every", "250ms"]));
        let bases: Vec<_> = running.all(2).unwrap().values().map(|i| i.base.clone()).collect();
        let (key, base) = (ground.key(), bases[0].clone());
        // The pool is known a moment after the start, and the sale is closed until then.
        for (n, base) in bases.iter().enumerate() {
            // One wish each: what another instance has taken is answered before anything is asked.
            until("orders are taken", || make(base, &key, &format!("first-{n}"), &Mutex::default()));
        }
        let writer = Writer::start(move || bases.clone(), key.clone());
        while ill < illnesses && !running.is_over() {
            match ill % 4 {
                0 => {
                    site.redis.stop();
                    thread::sleep(ILL);
                    site.redis.start_again().unwrap();
                }
                1 => {
                    site.redis.pause().unwrap();
                    thread::sleep(ILL);
                    site.redis.resume().unwrap();
                }
                2 => drop(site.redis.command(&["FLUSHALL"]).unwrap()),
                _ => garbled += garble(&site),
            }
            thread::sleep(ILL / 2);
            ill += 1;
        }
        let seen = writer.finish(&base, &key);
        assert_eq!(seen.wrong, Vec::<String>::new());
        assert_eq!(seen.answers.keys().filter(|status| !matches!(status, 200 | 201)).count(), 0, "{seen:?}");
        made += seen.made.len();
        assert_eq!(running.starts(), 2, "an instance died");
        totals += running.finish(&format!("after {ill} illnesses of Redis"), Some(&ground));
    }
    summary(&format!(
        "Redis ill {ill} times (killed, frozen, emptied, {garbled} keys garbled): {made} orders made meanwhile, none refused; {totals}"
    ));
}
