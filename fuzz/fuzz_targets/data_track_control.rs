#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| metered_fuzz::wire::data_track_control(data));
