//! See [`leyden_fuzz::block_json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leyden_fuzz::block_json(data));
