"""A laboratory of unequal links between the sites A and B.

    A l0 -- n0 .  `warp lab link`  . f0 -- l0 B          10.0.0.1 and 10.0.0.2
    A l1 -- n1 :     one for       : f1 -- l1 B          10.0.1.1 and 10.0.1.2
    A l2 -- n2 '     each link     ' f2 -- l2 B          10.0.2.1 and 10.0.2.2

Each link leads only to the other end of itself. The sites' interfaces cut what they send into single frames, because no
modem takes larger ones.
"""

import json
import signal
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

from report.lab import HOME, Lab, run, wait_until  # noqa: E402

from .traces import PACKET, carried, opportunities  # noqa: E402

# What a frame of a payload has around it: Ethernet, IPv4, UDP, and WARP's header, tag and sequence.
AROUND = 14 + 20 + 8 + 32 + 8


class Link:
    """The properties of one link, as `warp lab link` takes them.

    `rate` is in Mbit/s: one number, [(second, rate), …] from each moment on, or fading_rates() for a trace (with `trace`).
    """

    def __init__(self, rate, round_trip, buffer=400, more="", up="", down="", trace=False):
        self.rate, self.round_trip = rate, round_trip  # Mbit/s, ms
        self.buffer, self.more, self.up, self.down, self.trace = buffer, more, up, down, trace

    def carries(self, first=0, last=60):
        """What it carries on average between two seconds of its life, in Mbit/s of whole frames."""
        if self.trace:
            # An opportunity of a trace takes 1,500 bytes of a packet, and its Ethernet header for nothing.
            return carried(self.rate, first, last) * (PACKET + 14) / PACKET
        if isinstance(self.rate, list):
            tenths = [first + i / 10 for i in range(max(1, round(10 * (last - first))))]
            return sum(max(step for step in self.rate if step[0] <= at)[1] for at in tenths) / len(tenths)
        return self.rate

    def arguments(self, trace_file):
        both = [f"buffer={self.buffer}ms", f"delay={self.round_trip / 2}ms"]
        if self.trace:
            trace_file.write_text("\n".join(map(str, opportunities(self.rate))) + "\n")
            both.append(f"trace={trace_file}")
        elif isinstance(self.rate, list):
            both.append("rate=" + ",".join(f"{rate}Mbit@{at}s" for at, rate in self.rate))
        else:
            both.append(f"rate={self.rate}Mbit")
        if self.more:
            both.append(self.more)
        arguments = ["--both", ",".join(both)]
        for way in ("up", "down"):
            if properties := getattr(self, way):
                arguments += [f"--{way}", properties]
        return arguments


# A fixed line, an LTE modem and a slow one, as the sites of a farm might have.
USUAL = (Link(50, 20), Link(20, 60), Link(5, 120))


class Links(Lab):
    """The sites, and the links between them. Links start with run_links(), so that their clocks begin with a measurement."""

    def __init__(self, warp, count):
        self.warp, self.count = warp, count
        self.switched = self.routed = False
        self.sites = ("A", "B", "M")
        self.processes, self.running = [], []
        for site in self.sites:
            self._add_site(site)
        for link in range(count):
            for number, site, far in ((1, "A", f"n{link}"), (2, "B", f"f{link}")):
                self._veth(site, f"l{link}", 10 + link, "M", far, 100 * number + link)
                run("ip", "-n", site, "address", "add", f"{self.address(site, link)}/24", "dev", f"l{link}")
                self.on(site, "ethtool", "-K", f"l{link}", "tso", "off", "gso", "off", "tx-udp-segmentation", "off")

    def address(self, site, link):
        return f"10.0.{link}.{1 if site == 'A' else 2}"

    def run_links(self, links, seed=1, log_ms=100):
        """Starts the links. What they did comes from stop_links()."""
        self.running = []
        for number, link in enumerate(links):
            log = HOME / f"link{number}.jsonl"
            process = self.start("M", self.warp, "lab", "link", f"n{number}", f"f{number}",
                                 *link.arguments(HOME / f"link{number}.trace"), "--seed", seed + number, "--json",
                                 "--log", log, "--log-interval", log_ms)  # fmt: skip
            self.running.append((process, log))
        for process, log in self.running:
            # A link has its interfaces when its log begins; what is sent before would only be lost.
            wait_until(lambda log=log, process=process: log.exists() or process.poll() is not None, 10, "a link")
        time.sleep(0.1)
        for process, _ in self.running:
            if process.poll() is not None:
                raise RuntimeError("a link has ended at once")

    def stop_links(self):
        """Ends the links. Returns what each tells: its summary, and its log under `log`."""
        told = []
        for process, log in self.running:
            process.send_signal(signal.SIGINT)
            summary = json.loads(process.communicate()[0])
            summary["log"] = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
            told.append(summary)
            self.processes.remove(process)
        self.running = []
        return told


def sum_of(links, first=0, last=60):
    """What the links carry together between two seconds of their lives, in Mbit/s of whole frames."""
    return sum(link.carries(first, last) for link in links)


def payloads_a_second(links, size):
    """How many payloads of this size the links carry together."""
    return sum_of(links) * 1e6 / 8 / (size + AROUND)


__all__ = ["AROUND", "HOME", "Link", "Links", "USUAL", "payloads_a_second", "run", "sum_of", "wait_until"]
