//! SIGKILL at moments that differ: of the demonstration with everything in it, and of all instances of the service.

use crate::{
    Moments, alone, customers,
    demo::{Demo, Site, Totals, arguments, is_there, signal},
    how_often, summary, until,
    verified::Books,
};
use std::{path::Path, thread};

/// Kills before each folder is run to its end and judged.
const KILLS_PER_RUN: u32 = 20;

#[test]
fn sqlite_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    let _alone = alone();
    let cycles = how_often("LEYDEN_KILL_CYCLES", 10);
    let mut moments = Moments(u64::from(cycles));
    let (mut killed, mut verified, mut totals) = (0, 0, Totals::default());
    let demo = |folder: &Path| Demo::start(folder, &arguments(&["--once", "--orders", "60"]));
    while killed < cycles {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite:{}", folder.path().join("books.sqlite").display());
        let mut books = Books::of(&["--database", &file]);
        for _ in 0..KILLS_PER_RUN.min(cycles - killed) {
            let running = demo(folder.path());
            // Not waiting for anything: the moment itself is what is chosen.
            thread::sleep(moments.next(1_400));
            running.kill();
            killed += 1;
            books.verify(&format!("after {killed} kills"));
        }
        totals += demo(folder.path()).finish(&format!("after {killed} kills"), None);
        books.verify(&format!("at the end, after {killed} kills"));
        verified += books.times;
    }
    summary(&format!(
        "SQLite, kill -9 of the whole: {killed} kills; books verified {verified} times; {totals}"
    ));
}

#[test]
fn postgres_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    let _alone = alone();
    let cycles = how_often("LEYDEN_KILL_CYCLES", 10);
    let mut moments = Moments(u64::from(cycles));
    let mut site = Site::new();
    let (mut services, mut wholes, mut verified, mut totals) = (0, 0, 0, Totals::default());
    while services + wholes < cycles {
        let ground = site.ground("[instances]\nlease = '1s'");
        let load =
            arguments(&["--orders", &customers(cycles - services - wholes, 6, 100), "--every", "300ms"]);
        let mut running = ground.demo(&load);
        let config = ground.config.display().to_string();
        let mut books = Books::of(&["--config", &config]);
        for _ in 0..KILLS_PER_RUN.min(cycles - services - wholes) {
            if running.is_over() {
                break;
            }
            // Three in four kill all instances at one moment; the demonstration, which goes on, starts them again.
            if (services + wholes) % 4 == 3 {
                thread::sleep(moments.next(2_400));
                let processes = running.processes();
                running.kill();
                until("its instances end with it", || {
                    processes.iter().all(|pid| !is_there(*pid)).then_some(())
                });
                running = ground.demo(&load);
                wholes += 1;
            } else {
                thread::sleep(moments.next(2_400));
                let processes = running.processes();
                let hit = processes.into_iter().filter(|pid| signal("KILL", *pid)).count();
                services += u32::from(hit > 0);
            }
            // While the next instances start, too.
            books.verify(&format!("after {services} + {wholes} kills"));
        }
        totals += running.finish(&format!("after {services} + {wholes} kills"), Some(&ground));
        books.verify(&format!("at the end, after {services} + {wholes} kills"));
        verified += books.times;
    }
    summary(&format!(
        "PostgreSQL, kill -9: {services} of all instances, {wholes} of the demonstration with them; books verified \
         {verified} times; {totals}"
    ));
}
