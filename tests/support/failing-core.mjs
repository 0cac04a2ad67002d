// The package with a core that fails when it is told to. Import this before the package.

/** A wasm function that does nothing but trap, as the code of a panic in Rust does. */
const trap = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 4, 1, 0x60, 0, 0,
  3, 2, 1, 0,
  7, 5, 1, 1, 0x61, 0, 0,
  10, 5, 1, 3, 0, 0, 0x0b,
))).exports.a;

let fails = false;

const { Instance } = WebAssembly;
WebAssembly.Instance = function (module, imports) {
  const trapping = (call) => (...args) => {
    if (fails) {
      fails = false;
      trap();
    }
    return call(...args);
  };
  const all = Object.entries(imports).map(([name, calls]) => [name, calls.map(trapping)]);
  return new Instance(module, Object.fromEntries(all));
};

/** The next time that the core calls JavaScript, it traps there. */
export const failNext = () => {
  fails = true;
};
