//! See [`leyden_fuzz::http`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leyden_fuzz::http(data));
