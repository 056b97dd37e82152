"""What the live parts of tools/demo that show links have in common: their options, the plot, and the end of a run.

Each is a Demo that runs inside the laboratory of tools/demo, where everything that it needs runs already.
"""

import argparse
import json
import signal
import sys

import screen
from stripe import plot
from stripe.timetable import Link


class Demo:
    """A run over the links of its options, to which `events` happen.

    A kind of demonstration says in `run` what is done, and returns its figures; `links` are there from then on. It says in
    `text` what the figures are for people, and in `failings` what is not as promised, in sentences."""

    def __init__(self, options, events):
        self.options = options
        self.screen = screen.Screen()
        self.events = events
        self.scales = {link.name: link.rate for link in options.link}

    def plot(self, columns, heights):
        return plot.plot(self.links.rates, self.scales, self.options.seconds, self.events, columns, heights, self.screen.tty)

    def save(self):
        """Writes what else was asked for."""


def options(*names):
    """Returns a parser with the options of every live part, and with these, which each takes a text."""
    parser = argparse.ArgumentParser()
    for name in ("--warp", "--socket-a", "--directory", *names):
        parser.add_argument(name, required=True)
    parser.add_argument("--seconds", required=True, type=int)
    parser.add_argument("--link", action="append", type=Link.parse, metavar="NAME:END:RATE:ROUND_TRIP")
    parser.add_argument("--json", action="store_true")
    return parser


def main(demo):
    """Runs it and tells the result. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the laboratory's owner ends us
    try:
        figures = demo.run()
    except RuntimeError as error:
        sys.exit(f"tools/demo: {error}")
    print()
    if not demo.screen.tty:
        print("\n".join(demo.plot(screen.size().columns, (3, 5))) + "\n")
    print("\n".join(demo.text(figures)))
    demo.save()
    if demo.options.json:
        print(json.dumps(figures))
    failings = demo.failings(figures)
    for failing in failings:
        print(f"tools/demo: {failing}", file=sys.stderr)
    return 1 if failings else 0
