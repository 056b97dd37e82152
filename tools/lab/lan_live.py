"""The live part of tools/demo --lan. Two hosts that know nothing of WARP use the links between their boxes; one link dies.

It runs inside the laboratory of tools/demo, where both boxes, and the servers at the host behind A, run already. The links
begin anew here, so that their clocks and the events do.
"""

import json
import subprocess
import sys
import time

import live
import screen
from lab_status import read_status
from stripe import plot, table
from stripe.flows import start
from stripe.links import Links
from stripe.timetable import Event

SHOWN_EVERY = 0.25  # s
INTERVAL = 0.5  # s, of iperf3
SETTLING = 2.0  # s after a change that count for no phase
MOST_STILL_S = 2.5  # for which nothing arrives at most, in whole intervals
SERVER, WEB_PORT = "192.168.1.2", 8000


def events(links, seconds):
    first = links[0]
    return [
        Event(round(0.5 * seconds, 2), first.name, 0, f"{first.name} dies, and nobody is told"),
        Event(round(0.75 * seconds, 2), first.name, first.rate, f"{first.name} is back"),
    ]


class LanDemo(live.Demo):
    def __init__(self, options):
        super().__init__(options, events(options.link, options.seconds))
        self.due = list(enumerate(self.events, 1))

    def text(self, figures):
        return text(figures)

    def failings(self, figures):
        return failings(figures)

    def show(self, doing):
        """Draws what the links do, and the plot in what is left of a terminal's rows."""
        elapsed = self.links.now()
        while self.due and elapsed >= self.due[0][1].at:
            number, event = self.due.pop(0)
            self.screen.event(f"{event.at:5.1f} s   ({number}) {event.text}")
        self.links.read()
        elapsed = min(elapsed, self.options.seconds)
        a = read_status(self.options.socket_a)
        lines = [f"{elapsed:5.1f} of {self.options.seconds} s   {doing}   (rates in Mbit/s)"]
        lines += table.link_rows(a, self.options.link)
        columns, rows = screen.size()
        left = rows - len(lines) - len(self.events) - 5
        drawing = self.plot(columns, plot.heights(left, len(self.options.link))) if self.screen.tty else []
        rates = {name: samples[-1][1] if samples else 0.0 for name, samples in self.links.rates.items()}
        carried = "  ".join(f"{name} {rate:4.1f}" for name, rate in rates.items())
        self.screen.draw(elapsed, lines + drawing, [f"{elapsed:5.1f} s   {carried}  sum {sum(rates.values()):4.1f}   {doing}"])

    def follow(self, *command):
        """Runs a program at the host behind B, and shows the links until it ends. Returns what it printed."""
        name = command[0]
        output = f"{self.options.directory}/{name}.out"
        with open(output, "w", encoding="utf-8") as file:
            process = start("hostB", *command, stdout=file)
        while process.poll() is None:
            self.show(name)
            time.sleep(SHOWN_EVERY)
        with open(output, encoding="utf-8") as file:
            text = file.read()
        if process.returncode != 0:
            raise RuntimeError(f"{name} ended with status {process.returncode}: {text.strip()[-300:]}")
        return text

    def run(self):
        options = self.options
        self.links = Links(options.warp, options.link, self.events, options.directory)
        got = f"{options.directory}/got"
        told = self.follow("curl", "--silent", "--show-error", "--retry", 5, "--retry-connrefused", "--output", got,
                           "--write-out", "%{size_download} %{time_total}", f"http://{SERVER}:{WEB_PORT}/file")  # fmt: skip
        size, took = map(float, told.split())
        whole = subprocess.run(["cmp", "--silent", got, options.file], check=False).returncode == 0
        began = self.links.now()
        left = options.seconds - began
        if left < 4:
            raise RuntimeError("curl took nearly all of the time: this machine is busy, or --seconds is short")
        told = json.loads(self.follow("iperf3", "--client", SERVER, "--reverse", "--json", "--interval", INTERVAL, "--time",
                                      f"{left:.0f}"))  # fmt: skip
        if "error" in told:
            raise RuntimeError(f"iperf3: {told['error']}")
        carried = {name: one["delivered_bytes"] for name, one in self.links.stop().items()}
        intervals = [(began + one["sum"]["start"], began + one["sum"]["end"], one["sum"]["bytes"]) for one in told["intervals"]]
        return {
            "mode": "lan",
            "seconds": options.seconds,
            "links": [{"name": link.name, "rate_mbit": link.rate, "carried_bytes": carried[link.name]} for link in options.link],
            "curl": {"bytes": int(size), "whole": whole, "seconds": took, "mbit": size * 8 / 1e6 / max(took, 1e-3)},
            "iperf3": phases(intervals, self.events) | {"longest_standstill_s": standstill(intervals)},
        }


def phases(intervals, happening):
    """Returns the goodput of iperf3 before the link dies, while it is dead, and after it is back."""
    dies, back = (event.at for event in happening)
    ends = {"before": (0.0, dies), "dead": (dies + SETTLING, back), "after": (back + SETTLING, float("inf"))}
    found = {}
    for name, (since, until) in ends.items():
        within = [(end - begin, count) for begin, end, count in intervals if begin >= since and end <= until]
        time_of = sum(length for length, _ in within)
        found[f"{name}_mbit"] = sum(count for _, count in within) * 8 / 1e6 / time_of if time_of else None
    return found


def standstill(intervals):
    """Returns for how long nothing arrived at most, in whole intervals."""
    longest = still = 0.0
    for begin, end, count in intervals:
        still = 0.0 if count else still + end - begin
        longest = max(longest, still)
    return round(longest, 2)


def text(figures):
    """Returns the table of the result."""
    first, *others = figures["links"]
    every = " + ".join(link["name"] for link in figures["links"])
    rates = {every: sum(link["rate_mbit"] for link in figures["links"])}
    rest = " + ".join(link["name"] for link in others)
    rates[rest] = sum(link["rate_mbit"] for link in others)
    curl, iperf = figures["curl"], figures["iperf3"]
    show = lambda rate: "–" if rate is None else f"{rate:.1f}"  # noqa: E731
    rows = [
        ("a host behind B gets from one behind A", "over", "they carry", "it got"),
        (f"curl, {curl['bytes'] / 1e6:.0f} MB in {curl['seconds']:.1f} s", every, rates[every], curl["mbit"]),
        ("iperf3, one TCP connection", every, rates[every], iperf["before_mbit"]),
        (f"  while {first['name']} is dead", rest, rates[rest], iperf["dead_mbit"]),
        ("  when it is back", every, rates[every], iperf["after_mbit"]),
    ]
    lines = []
    for what, over, could, got in rows:
        could, got = (one if isinstance(one, str) else f"{show(one)} Mbit/s" for one in (could, got))
        lines.append(f"  {what:<40}{over:<16}{could:>14}{got:>14}")
    carried = ", ".join(f"{link['name']} {link['carried_bytes'] / 1e6:.0f} MB" for link in figures["links"])
    lines.append(f"  Carried: {carried}. Nothing arrived for {iperf['longest_standstill_s']:g} s at most.")
    return lines


def failings(figures):
    """Returns what is not as promised, in sentences."""
    found = []
    if not figures["curl"]["whole"]:
        found.append("what curl got is not the file")
    if figures["iperf3"]["longest_standstill_s"] > MOST_STILL_S:
        found.append(f"the connection stood still for {figures['iperf3']['longest_standstill_s']} s")
    for name in ("before", "dead", "after"):
        if figures["iperf3"][f"{name}_mbit"] == 0:
            found.append(f"nothing of the connection arrived ({name})")
    idle = [link["name"] for link in figures["links"] if link["carried_bytes"] < 1_000_000]
    if idle:
        found.append(f"links that carried next to nothing: {', '.join(idle)}")
    return found


if __name__ == "__main__":
    sys.exit(live.main(LanDemo(live.options("--file").parse_args())))
