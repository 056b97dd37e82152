"""One measurement: sites, links and daemons are set up anew, traffic flows, and what both ends and the links tell is kept."""

import contextlib
import json
import time

from report.systems import WireguardGo

from .links import HOME, Links, run, sum_of, wait_until
from .node import GATE, INSIDE, OUT, TUN, Nodes
from .samples import Sampler

MTU = 1400  # inside WireGuard: 1400 + 32 (WireGuard) + 40 (WARP, with a sequence) + 28 (IP, UDP) are the links' 1500
TCP_HEADERS = 20 + 32  # IPv4, and TCP with time stamps
IN_WIREGUARD = (MTU - TCP_HEADERS, MTU + 32 + 40 + 28 + 14)  # bytes of a payload of TCP, and of the frame that carries it


class Case:
    """A laboratory with its daemons; what `gauge` and iperf3 tell of it. Without a policy there are no daemons.

    All moments are seconds since the case began, of one clock: those of the links' logs and schedules, of the samples and
    of the results."""

    def __init__(self, build, links, policy, warm=6, seed=1, interval=0.1, **nodes):
        self.build, self.links, self.policy, self.warm, self.seed, self.nodes_options = build, links, policy, warm, seed, nodes
        self.interval = interval  # of samples and of the links' logs, in seconds
        self.warp = build / "tools/warp"

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.lab = self.stack.enter_context(Links(self.warp, len(self.links)))
        self.lab.run_links(self.links, self.seed, round(self.interval * 1000))
        self.began = time.monotonic()
        if self.policy is not None:
            self.nodes = Nodes(self.lab, self.build, self.policy, **self.nodes_options)
            self.sampler = Sampler(self.nodes.status, self.now, len(self.links), self.interval).start()
            self.stack.callback(self.sampler.stop)
        return self

    def __exit__(self, *failure):
        return self.stack.__exit__(*failure)

    def now(self):
        """Seconds since the case began, which is when its links run."""
        return time.monotonic() - self.began

    def wait_for(self, second):
        """Waits until the links are so old."""
        time.sleep(max(0.0, second - self.now()))

    def finish(self, result):
        """Ends the links, and adds to the result what they and the daemons have told."""
        if self.policy is not None:
            self.sampler.stop()
            result["samples"] = {site: samples.told() for site, samples in self.sampler.of.items()}
        result["links"] = self.lab.stop_links()
        for link in result["links"]:
            # From here on a link has the clock of the case, and `zero` is the moment from which its schedule counts.
            link["zero"] = link["started_ns"] / 1e9 - self.began
            for line in link["log"]:
                line["t"] = round(line["t"] + link["zero"], 4)
        began, until, logs = result["began"], result["until"], [link["log"] for link in result["links"]]
        result["queue_ms"] = [percentile(line_values(log, "queue_ms", began, until), 99) for log in logs]
        result["peak_ms"] = [max(line_values(log, "peak_ms", began, until), default=None) for log in logs]
        return result

    # --- UDP. ---

    def receive(self, *options):
        process = self.lab.start("B", self.warp, "gauge", "--json", "rx", "--listen", f"127.0.0.1:{OUT}",
                                 "--seconds", "600", *options)  # fmt: skip
        wait_until(lambda: self.lab.on("B", "ss", "-Hlun", f"sport = :{OUT}").strip(), 10, "a receiver")
        return process

    def send(self, rate, seconds, size=1400):
        return self.lab.start("A", self.warp, "gauge", "--json", "tx", "--to", f"127.0.0.1:{GATE}", "--rate", rate,
                              "--size", size, "--seconds", seconds)  # fmt: skip

    def stream(self, rate, seconds, size=1400, during=None):
        """Sends at an even rate from A to B, after some seconds of the same that do not count. Returns what arrived."""
        warming = self.receive()
        self.send(rate, self.warm, size).communicate()
        warming.terminate()
        warming.communicate()
        before = self.nodes.status("A")
        receiver = self.receive("--distribution", "--timeline", "0.1")
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
                "goodput_mbit": arrived(received["timeline"]["arrivals"], sent["seconds"]) * size * 8 / 1e6,
                "delays": [[most / 1000, count] for most, count in received.pop("latencies")], "receiver": received,
                "before": before, "after": self.nodes.status("A")}  # fmt: skip

    # --- TCP. ---

    def start_wireguard(self):
        """Puts wireguard-go on the gate. Returns its address at B."""
        self.wireguard = WireguardGo()
        self.wireguard.mtu = MTU
        self.wireguard.start(self.lab, port=OUT, endpoints={"A": f"127.0.0.1:{GATE}", "B": f"127.0.0.1:{GATE}"})
        self.lab.on("A", "ping", "-c", "3", "-i", "0.3", "-W", "3", "-q", self.wireguard.inner_address("B"))
        return self.wireguard.inner_address("B")

    def tcp(self, seconds, omit=8):
        """One TCP connection (cubic) from A to B, through wireguard-go over the gate."""
        return self.connection(self.start_wireguard(), seconds, omit) | {"segment": IN_WIREGUARD}

    def tcp_tun(self, seconds, omit=8):
        """One TCP connection (cubic) from A to B, through gates that are TUN interfaces."""

        def mtu():
            return min(int(self.lab.on(site, "cat", f"/sys/class/net/{TUN}/mtu")) for site in "AB")

        # What the paths carry in one piece is known after some seconds, and a connection keeps what it began with.
        wait_until(lambda: mtu() > MTU, 20, "the whole MTU")
        whole = mtu()
        return self.connection(INSIDE["B"], seconds, omit) | {"segment": (whole - TCP_HEADERS, whole + 40 + 28 + 14)}

    def connection(self, target, seconds, omit=8, congestion="cubic", under=(), look=lambda: None):
        """One TCP connection of iperf3 from A to this address, its programs run by the command `under`. Returns its goodput,
        the round trips of pings beside it, and what `look` saw once it ran."""
        for site in "AB":
            self.lab.on(site, "sysctl", "-qw", "net.ipv4.tcp_rmem=4096 131072 67108864",
                        "net.ipv4.tcp_wmem=4096 65536 67108864")  # fmt: skip
        server = self.lab.start("B", *under, "iperf3", "--server", "--one-off", "--json", "--interval", "0.1")
        wait_until(lambda: self.lab.on("B", "ss", "-Hltn", "sport = :5201").strip(), 10, "iperf3")
        client = self.lab.start("A", *under, "iperf3", "--client", target, "--time", seconds + omit, "--json",
                                "--congestion", congestion)  # fmt: skip
        began = self.now()
        time.sleep(omit)
        pings = self.lab.start("A", "ping", "-i", "0.1", "-w", int(seconds), "-D", target)
        seen = look()
        told = json.loads(client.communicate()[0])
        text = pings.communicate()[0]
        if "error" in told:
            raise RuntimeError(told["error"])
        # What arrived counts: a sender also tells of what only fills its own buffer.
        arrived = json.loads(server.communicate(timeout=30)[0])
        intervals = [(began + i["sum"]["start"], i["sum"]["bits_per_second"] / 1e6) for i in arrived["intervals"]]
        trips = sorted(float(line.split("time=")[1].split()[0]) for line in text.splitlines() if "time=" in line)
        counted = [i["sum"] for i in arrived["intervals"] if omit <= i["sum"]["start"] < omit + seconds]
        mbit = sum(i["bytes"] for i in counted) * 8 / 1e6 / sum(i["seconds"] for i in counted)
        return {"began": began + omit, "until": began + omit + seconds, "mbit": mbit,
                "retransmits": told["end"]["sum_sent"].get("retransmits"), "intervals": intervals,
                "delays": [[trip, 1] for trip in trips], "seen": seen,
                "rtt_p50_ms": percentile(trips, 50), "rtt_p99_ms": percentile(trips, 99)}  # fmt: skip


def arrived(tenths, seconds):
    """Payloads a second, from the number in each tenth of a second. What still comes out of queues after the end has been
    sent in this time, but the links did not carry it then."""
    counted = tenths[: max(1, int(seconds * 10))]
    return sum(counted) / len(counted) * 10


def percentile(values, share):
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


def line_values(log, name, began, until, way="up"):
    """What the lines of a link's log between two moments say."""
    return [line[way][name] for line in log if began <= line["t"] <= until]


def tcp_limit(links, first=0, last=60, segment=IN_WIREGUARD):
    """What TCP can have over the sum of the links, in Mbit/s of its payload."""
    payload, frame = segment
    return sum_of(links, first, last) * payload / frame


__all__ = ["Case", "HOME", "arrived", "line_values", "percentile", "run", "tcp_limit"]
