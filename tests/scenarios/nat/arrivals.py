"""Waits until payloads have come over ways between sites: arrivals.py LAB SECONDS <ways

A way is SITE/PORT/PREFIX: it ends at that port of the site, and begins at the peer's endpoints whose addresses begin so.
One a line. Prints how many seconds it took until each had carried more than probes could be; exits with 1 and the ways
that did not when the time is up.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools/lab"))

import lab_status  # noqa: E402

ENOUGH = 20


class Way:
    """What has arrived over one way. A path that is forgotten takes its counts along, so that rises alone are added up."""

    def __init__(self, text):
        self.text = text
        self.site, self.port, self.prefix = text.split("/")
        self.seen = None  # by path; None: nobody has looked yet
        self.arrived = 0

    def look(self, paths):
        """Adds what has come since the last look. The first one only remembers."""
        counts = {path["id"]: path["first"] + path["duplicates"] for path in paths(self.port, self.prefix)}
        if self.seen is not None:
            self.arrived += sum(max(0, count - self.seen.get(one, 0)) for one, count in counts.items())
        self.seen = {**(self.seen or {}), **counts}


def main():
    lab, seconds = sys.argv[1], float(sys.argv[2])
    begun = time.monotonic()
    ways = [Way(line.strip()) for line in sys.stdin if line.strip()]
    while True:
        left = [way for way in ways if way.arrived < ENOUGH]
        if not left:
            print(f"{time.monotonic() - begun:.1f}")
            return 0
        if time.monotonic() - begun > seconds:
            print(f"nothing came within {seconds:g} s over", *(way.text for way in left), file=sys.stderr)
            return 1
        for site in sorted({way.site for way in left}):
            try:
                paths = lab_status.names(lab_status.read_status(f"{lab}/{site}.sock"))["paths"]
            except (OSError, ValueError):
                continue
            for way in left:
                if way.site == site:
                    way.look(paths)
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
