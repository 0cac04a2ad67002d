// The example of data tracks.

import { asksFor, runsWell } from "../support/example.mjs";
import { test } from "../support/test.mjs";

test("a steady reader gets more frames than a slow one, and both get some", (t) => runsWell(t, "telemetry"));

test("without METERED_KEY it says what it needs", (t) => asksFor(t, "telemetry", "METERED_KEY"));
