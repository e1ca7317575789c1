//! Every target with everything that is kept of it: what once crashed, and one of each kind of input. Runs wherever the
//! tests run; `fuzz/run` goes on from here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::Path};

#[test]
fn what_is_kept_harms_nobody() {
    for (name, target) in leyden_fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let input = fs::read(&file).unwrap();
            target(&input);
            // Each of them cut short, and with each of a few bytes turned over.
            for cut in [input.len() / 3, input.len().saturating_sub(1)] {
                target(&input[..cut]);
            }
            for step in 1..8 {
                let mut bent = input.clone();
                let place = bent.len() * step / 8;
                if let Some(byte) = bent.get_mut(place) {
                    *byte ^= 0x41;
                }
                target(&bent);
            }
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut programs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    programs.sort();
    let mut names: Vec<_> = leyden_fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(programs, names);
}
