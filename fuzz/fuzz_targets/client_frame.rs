#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| metered_fuzz::wire::client_frame(data));
