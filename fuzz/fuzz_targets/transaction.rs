//! See [`leyden_fuzz::transaction`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leyden_fuzz::transaction(data));
