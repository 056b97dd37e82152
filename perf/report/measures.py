"""Measures a system. `warp gauge` generates the traffic of every measurement."""

import json
import re
import statistics
import sys
import time
from pathlib import Path

from . import lab as laboratory

LOSS = 1e-5  # the largest loss of a run whose rate counts as carried
SIZES = (1400, 200)


def figure(runs, unit, better):
    """Returns a measured number: the median of its runs, and how far they lie apart."""
    return {"median": statistics.median(runs), "min": min(runs), "max": max(runs), "runs": list(runs), "unit": unit,
            "better": better}  # fmt: skip


class Bench:
    """One system that carries payloads in its laboratory."""

    def __init__(self, lab, system, warp, quick):
        self.lab, self.system, self.warp, self.quick = lab, system, warp, quick

    # --- The generator. ---

    def gauge(self, site, *arguments):
        return self.lab.start(site, self.warp, "gauge", *arguments, "--json")

    def wait_receiver(self, listen):
        port = listen.rsplit(":", 1)[1]
        laboratory.wait_until(lambda: self.lab.on("B", "ss", "-Hlun", f"sport = :{port}").strip(), 10, "a receiver")

    def stream(self, rate, size, seconds, receiver_options=(), during=None):
        """Sends datagrams from A to B at an even rate (0: as fast as possible). Returns what was sent and what arrived.
        `during` is called once they flow."""
        receiver = self.gauge("B", "rx", "--listen", self.system.listen(), "--seconds", "600", *receiver_options)
        self.wait_receiver(self.system.listen())
        sender = self.gauge("A", "tx", "--to", self.system.target(), "--rate", rate, "--size", size, "--seconds", seconds)
        if during:
            during()
        sent = json.loads(sender.communicate()[0])
        time.sleep(0.15 if rate else 0.4)  # lets the datagrams under way arrive
        receiver.terminate()
        received = json.loads(receiver.communicate()[0])
        self.lab.processes.remove(sender)
        self.lab.processes.remove(receiver)
        # A datagram that the generator's own socket refused never entered the system, but it counts as lost.
        total = sent["sent"] + sent["send_errors"]
        return {"sent": total, "received": received["received"], "lost": total - received["received"],
                "seconds": sent["seconds"], "rate": total / sent["seconds"], "receiver": received}  # fmt: skip

    def echo(self, *options):
        process = self.gauge("B", "echo", "--listen", self.system.listen(), *options)
        self.wait_receiver(self.system.listen())
        return process

    def wait_ready(self):
        """Waits until a datagram has come back."""
        address = self.system.listen().rsplit(":", 1)[0]
        laboratory.wait_until(lambda: address in re.split("[ /]", self.lab.on("B", "ip", "-o", "-4", "address")), 20, f"{address} at B")
        echo = self.echo()
        done = self.gauge("A", "tx", "--to", self.system.target(), "--await-echo", "--wait-ready", "20", "--rate", "50",
                          "--seconds", "0.1").communicate()  # fmt: skip
        echo.kill()
        echo.wait()
        if not done[0]:
            raise RuntimeError(f"{self.system.name}: nothing passes the tunnel")

    # --- Loss-free rate. ---

    def carries(self, rate, size, seconds):
        """Returns the rate that was really sent if one of two runs lost at most LOSS, otherwise None."""
        for _ in range(2):
            run = self.stream(rate, size, seconds)
            if run["lost"] <= LOSS * run["sent"]:
                return run["rate"]
            if run["lost"] > 0.02 * run["sent"]:
                return None  # the loss is too large to be a mere hiccup
        return None

    def search(self, size, seconds, steps):
        """Finds the highest rate that is carried without loss, to a few per cent. The arrivals of a flood say where to look."""
        flood = self.stream(0, size, 0.5)
        low, high, best = 0.0, min(flood["rate"], 1.6 * flood["received"] / flood["seconds"]) * 1.05, 0.0
        for step in range(steps):
            # Once a rate was carried, the next one is the geometric middle.
            rate = (low * high) ** 0.5 if low else high * (0.62, 0.35, 0.18, 0.08, 0.03)[min(step, 4)]
            carried = self.carries(rate, size, seconds)
            if carried and carried > 0.97 * rate:
                low, best = rate, max(best, carried)
            elif carried:  # the generator cannot send faster
                high, best = rate, max(best, carried)
            else:
                high = rate
            if low and high / low < 1.03:
                break
        return best

    def rates(self, sizes=SIZES):
        found = {}
        for size in sizes[:1] if self.quick else sizes:
            runs = [self.search(size, 0.3 if self.quick else 1.0, 6 if self.quick else 9)
                    for _ in range(1 if self.quick else 3)]  # fmt: skip
            found[str(size)] = figure(runs, "packets/s", "higher")
        return found

    # --- What the link carries. ---

    def largest_frame(self, rate):
        """Returns the size of the largest frame on the first link while 1,400 B payloads flow to B at this rate, 0 if none is
        seen. Behind a router that is what the router sends, since the receiving kernel joins frames before it shows them.
        An interface that gives its frames to af_xdp shows none."""
        seconds = 0.5
        where = ("M", "b0", "out") if self.lab.routed else ("B", "l0", "in")
        watcher = self.lab.start(where[0], sys.executable, Path(__file__).with_name("frames.py"), *where[1:], seconds + 1)
        time.sleep(0.3)  # for the interpreter to start
        self.stream(rate, 1400, seconds)
        return json.loads(watcher.communicate()[0])["largest"]

    # --- Round trips of an idle system. ---

    def round_trips(self):
        """Measures round trips of 200 B. One generator sleeps until the answer comes, as most programs do, and one polls."""
        found = {}
        for name, rate, spin in (("back_to_back", 0, []), ("polling", 0, ["--spin"]), ("every_10_ms", 100, [])):
            # Where the scheduler puts the programs matters most, and each run decides it anew. So there are many short runs.
            seconds, repeat = ((0.3, 2) if rate == 0 else (0.8, 1)) if self.quick else ((1.0, 7) if rate == 0 else (3.0, 5))
            reports = [self.ping(rate, spin, seconds) for _ in range(repeat)]
            found[name] = {
                quantile: figure([report["latency_us"][quantile] for report in reports], "us", "lower")
                for quantile in ("p50", "p99")
            } | {"lost": sum(report["lost"] for report in reports), "count": sum(report["received"] for report in reports),
                 "distribution": merge([report["latencies"] for report in reports])}  # fmt: skip
        return found

    def ping(self, rate, spin, seconds):
        echo = self.echo(*spin)
        sender = self.gauge("A", "tx", "--to", self.system.target(), "--await-echo", "--one-by-one", "--rate", rate, "--size",
                            200, "--seconds", seconds, "--distribution", *spin)  # fmt: skip
        report = json.loads(sender.communicate()[0])
        echo.kill()
        echo.wait()
        return report

    # --- CPU. ---

    def idle_cpu(self):
        """Returns the share of a core, in per cent, that one end's processes use while nothing passes."""
        pids = self.system.processes()
        runs = []
        for _ in range(1 if self.quick else 3):
            before, start = laboratory.cpu_seconds(pids), time.monotonic()
            time.sleep(0.7 if self.quick else 2)
            runs.append(100 * (laboratory.cpu_seconds(pids) - before) / (time.monotonic() - start) / len(pids))
        return figure(runs, "% of a core", "lower")

    def cpu_per_packet(self, rate):
        """Returns the CPU time of the tunnel's processes at both ends for each packet of 1,400 B that arrived, at this rate."""
        pids = self.system.processes()
        runs, lost = [], 0
        for _ in range(1 if self.quick else 3):
            before = laboratory.cpu_seconds(pids)
            run = self.stream(rate, 1400, 0.5 if self.quick else 2.0)
            runs.append(1e6 * (laboratory.cpu_seconds(pids) - before) / max(1, run["received"]))
            lost += run["lost"]
        return figure(runs, "us", "lower") | {"rate": rate, "lost": lost}

    def cpu(self, loss_free):
        if not self.system.processes():
            return None
        return {"idle": self.idle_cpu(), "at_20000": self.cpu_per_packet(20000),
                "at_80_percent": self.cpu_per_packet(round(0.8 * loss_free))}  # fmt: skip

    # --- TCP. ---

    def tcp(self, address):
        """Returns the TCP throughput to an address at B that iperf3 measures."""
        runs = []
        for _ in range(1 if self.quick else 3):
            server = self.lab.start("B", "iperf3", "--server", "--one-off")
            laboratory.wait_until(lambda: self.lab.on("B", "ss", "-Hltn", "sport = :5201").strip(), 10, "iperf3")
            client = self.lab.start("A", "iperf3", "--client", address, "--time", 1 if self.quick else 5, "--json")
            report = json.loads(client.communicate()[0])
            server.kill()
            if "error" in report:
                raise RuntimeError(report["error"])
            runs.append(report["end"]["sum_received"]["bits_per_second"] / 1e6)
        return figure(runs, "Mb/s", "higher")

    # --- A link is cut. ---

    def cut(self, how, rate=5000, size=1400, seconds=3.0):
        """Sends a stream, and kills the link l0 after half the time. `how` is none, sender, receiver or black hole."""
        at = []

        def during():
            time.sleep(seconds / 2)
            at.append(time.monotonic_ns())
            if how == "sender":
                self.lab.pull_cable("a0")
            elif how == "receiver":
                self.lab.pull_cable("b0")
            elif how == "black_hole":
                self.lab.black_hole("a0")

        run = self.stream(rate, size, seconds, ("--timeline", "0.01"), during)
        timeline = run["receiver"]["timeline"]
        return {"lost": run["lost"], "duplicated": run["receiver"]["duplicated"], "sent": run["sent"],
                "longest_gap_ms": run["receiver"]["longest_gap_ms"],
                "cut_at_ms": None if how == "none" else round((at[0] - timeline["first_ns"]) / 1e6, 1),
                "interval_ms": timeline["interval_ms"], "arrivals": timeline["arrivals"]}  # fmt: skip


def typical_cut(runs):
    """Makes one result of several runs of Bench.cut, because a single run shows the scheduler's luck rather than the cut. The
    losses are those of all runs. The deliveries over time are those of the run whose longest gap is the median."""
    by_gap = sorted(runs, key=lambda run: run["longest_gap_ms"])
    return by_gap[(len(runs) - 1) // 2] | {key: sum(run[key] for run in runs) for key in ("lost", "duplicated", "sent")} | {
        "longest_gap": figure([run["longest_gap_ms"] for run in runs], "ms", "lower")}  # fmt: skip


def merge(distributions):
    """Adds several distributions of one quantity. Returns [[value, count], …]."""
    counts = {}
    for distribution in distributions:
        for value, count in distribution:
            counts[value] = counts.get(value, 0) + count
    return sorted(counts.items())
