#!/usr/bin/env python3
"""Prints one TAP stream of a meson testlog.json: the programs' own lines, or one line a program."""
import json
import re
import sys

RESULTS = {"OK": "ok", "EXPECTEDFAIL": "ok", "SKIP": "ok"}
with open(sys.argv[1]) as log:
    for line in log:
        test = json.loads(line)
        name, result = test["name"], test["result"]
        lines = [t for t in test.get("stdout", "").splitlines() if re.match(r" *(not )?ok\b", t)]
        bad = any(t.lstrip().startswith("not ok") for t in lines)
        for t in lines:
            print(t.strip() + "  [" + name + "]" if "not ok" in t else t.strip())
        if result == "SKIP" and not lines:
            print("ok - %s # SKIP" % name)
        elif not lines or (result not in RESULTS and not bad):
            print("%s - %s (%s)" % (RESULTS.get(result, "not ok"), name, result))
        if result not in RESULTS:
            for t in (test.get("stdout", "") + test.get("stderr", "")).splitlines()[-40:]:
                print("# " + t)
