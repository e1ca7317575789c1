//! See [`leyden_fuzz::abi_log`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leyden_fuzz::abi_log(data));
