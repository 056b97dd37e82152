"""One measurement: sites, links and daemons are set up anew, traffic flows, and what both ends and the links tell is kept."""

import contextlib
import json
import statistics
import time

from report.systems import WireguardGo

from .links import HOME, Links, run, wait_until
from .node import GATE, OUT, Nodes

MTU = 1400  # inside WireGuard: 1400 + 32 (WireGuard) + 40 (WARP, with a sequence) + 28 (IP, UDP) are the links' 1500
TCP_PAYLOAD = MTU - 20 - 32  # with time stamps
TCP_FRAME = MTU + 32 + 40 + 28 + 14


class Case:
    """A laboratory with its daemons; what `gauge` and iperf3 tell of it."""

    def __init__(self, build, links, policy, warm=6, seed=1, **nodes):
        self.build, self.links, self.policy, self.warm, self.seed, self.nodes_options = build, links, policy, warm, seed, nodes
        self.warp = build / "tools/warp"

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.lab = self.stack.enter_context(Links(self.warp, len(self.links)))
        self.lab.run_links(self.links, self.seed)
        self.began = time.monotonic()
        self.nodes = Nodes(self.lab, self.build, self.policy, **self.nodes_options)
        return self

    def __exit__(self, *failure):
        return self.stack.__exit__(*failure)

    def now(self):
        """Seconds since the links began."""
        return time.monotonic() - self.began

    def wait_for(self, second):
        """Waits until the links are so old."""
        time.sleep(max(0.0, second - self.now()))

    # --- UDP. ---

    def receive(self, *options):
        process = self.lab.start("B", self.warp, "gauge", "--json", "rx", "--listen", f"127.0.0.1:{OUT}", "--seconds", "600", *options)
        wait_until(lambda: self.lab.on("B", "ss", "-Hlun", f"sport = :{OUT}").strip(), 10, "a receiver")
        return process

    def send(self, rate, seconds, size=1400):
        return self.lab.start("A", self.warp, "gauge", "--json", "tx", "--to", f"127.0.0.1:{GATE}", "--rate", rate,
                              "--size", size, "--seconds", seconds)  # fmt: skip

    def stream(self, rate, seconds, size=1400, timeline=None, during=None):
        """Sends at an even rate from A to B, after some seconds of the same that do not count. Returns what arrived."""
        warming = self.receive()
        self.send(rate, self.warm, size).communicate()
        warming.terminate()
        warming.communicate()
        before = self.nodes.status("A")
        receiver = self.receive(*(["--timeline", timeline] if timeline else []))
        began = self.now()
        sender = self.send(rate, seconds, size)
        if during:
            during()
        sent = json.loads(sender.communicate()[0])
        time.sleep(1.5)
        receiver.terminate()
        received = json.loads(receiver.communicate()[0])
        total = sent["sent"] + sent["send_errors"]
        return {"began": began, "until": began + sent["seconds"], "sent": total, "received": received["received"],
                "lost": total - received["received"], "share_lost": (total - received["received"]) / max(total, 1),
                "reordered": received["reordered"] / max(total, 1), "duplicated": received["duplicated"],
                "p50_ms": received["latency_us"]["p50"] / 1000, "p99_ms": received["latency_us"]["p99"] / 1000,
                "max_ms": received["latency_us"]["max"] / 1000, "gap_ms": received["longest_gap_ms"],
                "goodput_mbit": received["received"] * size * 8 / sent["seconds"] / 1e6, "receiver": received,
                "before": before, "after": self.nodes.status("A")}  # fmt: skip

    # --- TCP, through wireguard-go over the gate. ---

    def start_wireguard(self):
        self.wireguard = WireguardGo()
        self.wireguard.mtu = MTU
        self.wireguard.start(self.lab, port=OUT, endpoints={"A": f"127.0.0.1:{GATE}", "B": f"127.0.0.1:{GATE}"})
        self.lab.on("A", "ping", "-c", "3", "-i", "0.3", "-W", "3", "-q", self.wireguard.inner_address("B"))
        for site in "AB":
            self.lab.on(site, "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 67108864",
                        "net.ipv4.tcp_wmem=4096 65536 67108864")  # fmt: skip

    def tcp(self, seconds, omit=8, congestion="cubic"):
        """One TCP connection from A to B. Returns its goodput and the round trips of pings beside it."""
        self.start_wireguard()
        server = self.lab.start("B", "iperf3", "--server", "--one-off")
        wait_until(lambda: self.lab.on("B", "ss", "-Hltn", "sport = :5201").strip(), 10, "iperf3")
        target = self.wireguard.inner_address("B")
        client = self.lab.start("A", "iperf3", "--client", target, "--time", seconds + omit, "--json", "--interval", "0.1",
                                "--congestion", congestion)  # fmt: skip
        began = self.now()
        time.sleep(omit)
        pings = self.lab.start("A", "ping", "-i", "0.1", "-w", int(seconds), "-D", target)
        told = json.loads(client.communicate()[0])
        text = pings.communicate()[0]
        server.wait()
        if "error" in told:
            raise RuntimeError(told["error"])
        intervals = [(began + i["sum"]["start"], i["sum"]["bits_per_second"] / 1e6) for i in told["intervals"]]
        trips = sorted(float(line.split("time=")[1].split()[0]) for line in text.splitlines() if "time=" in line)
        counted = [rate for at, rate in intervals if at >= began + omit]
        return {"began": began + omit, "until": began + omit + seconds, "mbit": statistics.mean(counted),
                "retransmits": told["end"]["sum_sent"]["retransmits"], "intervals": intervals,
                "rtt_p50_ms": percentile(trips, 50), "rtt_p99_ms": percentile(trips, 99)}  # fmt: skip


def percentile(values, share):
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


def queues(told, began, until, way="up"):
    """The 99th percentile of each link's queue in ms, between two times of the links."""
    return [percentile([line[way]["queue_ms"] for line in link["log"] if began <= line["t"] <= until], 99) for link in told]


def tcp_limit(links):
    """What TCP can have over the sum of the links, in Mbit/s of its payload."""
    return sum(link.rate for link in links) * TCP_PAYLOAD / TCP_FRAME


__all__ = ["Case", "HOME", "percentile", "queues", "run", "tcp_limit"]
