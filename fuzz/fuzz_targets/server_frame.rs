#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| metered_fuzz::wire::server_frame(data));
