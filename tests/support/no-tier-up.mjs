// V8 without what it learns of running code: import this before the code whose heap is judged.
//
// Optimized code and feedback are on the heap too, and come whenever a background thread is done. Without them a heap
// that was collected twice differs by what was left behind, and by nothing else.

import { setFlagsFromString } from "node:v8";

for (const flag of ["--no-opt", "--no-sparkplug", "--no-lazy-feedback-allocation", "--no-flush-bytecode"]) {
  setFlagsFromString(flag);
}
