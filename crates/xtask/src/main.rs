fn main() { let a: Vec<String> = std::env::args().skip(1).collect(); wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(a).unwrap(); }
