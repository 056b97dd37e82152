"""The running links: `warp lab link` between each of site A's interfaces and the router."""

import json
import signal
import subprocess
import time

from .tail import Tail
from .timetable import properties


class Links:
    """Starts the links. Their clocks, and so the timetable, begin at that moment.

    `rates` has for each link what arrived over it upwards, as (end of a tenth of a second, Mbit/s).
    """

    def __init__(self, warp, links, events, directory):
        self.links = links
        self.rates = {link.name: [] for link in links}
        self.processes, self.logs = {}, {}
        for seed, link in enumerate(links, 1):
            log = f"{directory}/{link.name}.jsonl"
            command = ["ip", "netns", "exec", f"slow-{link.end}", warp, "lab", "link", "near", "far", "--both",
                       properties(link, events), "--seed", str(seed), "--json", "--log", log]  # fmt: skip
            self.processes[link.name] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.logs[link.name] = Tail(log)
        for name, process in self.processes.items():
            line = process.stderr.readline()
            if ": ready" not in line:
                raise RuntimeError(f"the link {name} did not begin: {line.strip()}")
        self.began = time.monotonic()

    def now(self):
        return time.monotonic() - self.began

    def read(self):
        """Takes in what the links have logged since the last time."""
        for name, log in self.logs.items():
            self.rates[name] += [(line["t"], line["up"]["out_mbit"]) for line in log.read()]

    def stop(self):
        """Ends the links. Returns what each tells of the way upwards."""
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        told = {name: json.loads(process.communicate()[0])["up"] for name, process in self.processes.items()}
        self.read()
        return told
