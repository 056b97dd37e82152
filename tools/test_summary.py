"""Counts what the last `meson test` ran: test_summary.py BUILD

Every case of a gtest binary counts, and every other test counts as one. The last line is `N passed, N failed[, N
skipped]`. The exit status is 1 if something failed or nothing ran.
"""

import json
import os
import sys
import xml.etree.ElementTree as xml


def count_cases(report):
    """Returns (passed, failed, skipped, names of the failed cases) of one gtest report."""
    passed, skipped, failed = 0, 0, []
    for case in xml.parse(report).iter("testcase"):
        if case.find("failure") is not None:
            failed.append(f"{case.get('classname')}.{case.get('name')}")
        elif case.get("status") == "notrun" or case.get("result") in ("skipped", "suppressed"):
            skipped += 1
        else:
            passed += 1
    return passed, skipped, failed


def main():
    build = sys.argv[1]
    passed, skipped, failed = 0, 0, []
    log = os.path.join(build, "meson-logs", "testlog.json")
    for line in open(log) if os.path.exists(log) else []:
        test = json.loads(line)
        # The name is "suite:area / name" or "project:suite / name".
        name = test["name"].split(" / ")[-1]
        report = os.path.join(build, name + ".xml")
        ok, skip, bad = count_cases(report) if os.path.exists(report) else (0, 0, [])
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += ok or (0 if skip else 1)
            skipped += skip
        elif test["result"] == "SKIP":
            skipped += 1
        else:  # a crash leaves no report, or one without a failed case, and counts as one failure
            passed += ok
            skipped += skip
            failed += bad or [f"{name} ({test['result'].lower()})"]
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
