"""The two applications: a TCP connection that takes what it can get, and a UDP stream at an even rate."""

import json
import os
import subprocess
import sys
import time

from .tail import Tail

# The ports of the tunnels' gates at A and where B's application listens; TCP has a host name of its own within its tunnel.
UDP_GATE, UDP_OUT = 9000, 9001
TCP_ADDRESS, TCP_PORT = "10.88.0.2", 5201


def start(site, *command, stdout=subprocess.PIPE):
    return subprocess.Popen(["ip", "netns", "exec", site, *map(str, command)], stdout=stdout, text=True)


def wait_for_listener(site, port):
    """Returns when a program at the site has this UDP port; what is sent before that would be lost."""
    for _ in range(200):
        if start(site, "ss", "-Hlun", f"sport = :{port}").communicate()[0].strip():
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens at port {port} of {site}")


def last_object(process):
    """Waits for the end of a program. Returns the JSON object in its last line."""
    text = process.communicate()[0]
    if process.returncode != 0 or not text.strip():
        raise RuntimeError(f"{' '.join(process.args[4:7])} ended with status {process.returncode}")
    return json.loads(text.strip().splitlines()[-1])


class UdpStream:
    """`warp gauge` at both ends."""

    def __init__(self, warp, rate, size):
        self.warp, self.rate, self.size = warp, rate, size
        self.receiver = start("B", warp, "gauge", "--json", "rx", "--listen", f"127.0.0.1:{UDP_OUT}", "--seconds", 86400)
        wait_for_listener("B", UDP_OUT)

    def begin(self, seconds):
        self.sender = start("A", self.warp, "gauge", "--json", "tx", "--to", f"127.0.0.1:{UDP_GATE}", "--rate", self.rate,
                            "--size", self.size, "--seconds", f"{seconds:.2f}")  # fmt: skip

    def ended(self):
        return self.sender.poll() is not None

    def end(self):
        """Returns what became of the payloads. Those that are still under way have a second to arrive."""
        sent = last_object(self.sender)
        time.sleep(1)
        self.receiver.terminate()
        received = last_object(self.receiver)
        total = sent["sent"] + sent["send_errors"]
        latency = received["latency_us"] or {"p50": 0, "p99": 0, "max": 0}
        return {
            "sent": total,
            "delivered": received["received"],
            "lost": total - received["received"],
            "duplicates": received["duplicated"],
            "out_of_order": received["reordered"],
            "p50_ms": latency["p50"] / 1000,
            "p99_ms": latency["p99"] / 1000,
            "max_ms": latency["max"] / 1000,
            "longest_gap_ms": received["longest_gap_ms"],
            "goodput_mbit": received["received"] * self.size * 8 / 1e6 / max(sent["seconds"], 0.001),
        }


class TcpConnection:
    """One connection of the kernel's TCP. tools/demo has started its receiver, which writes a log."""

    def __init__(self, log):
        self.log = Tail(log)
        self.seen = []  # (CLOCK_MONOTONIC, bytes so far)

    def begin(self, seconds):
        self.began, self.seconds = time.monotonic(), seconds
        program = os.path.join(os.path.dirname(__file__), "tcp.py")
        self.sender = start("A", sys.executable, "-B", program, "send", TCP_ADDRESS, TCP_PORT, f"{seconds:.2f}")

    def ended(self):
        return self.sender.poll() is not None

    def read(self):
        """Returns the goodput so far, as (end of an interval in seconds since the begin, Mbit/s)."""
        self.seen += [(line["at"] - self.began, line["bytes"]) for line in self.log.read()]
        pairs = zip(self.seen, self.seen[1:])
        return [(at, (count - before) * 8 / 1e6 / max(at - since, 1e-3)) for (since, before), (at, count) in pairs]

    def end(self):
        told = last_object(self.sender)
        self.read()
        return told | progress([(at, count) for at, count in self.seen if 0 <= at <= self.seconds], self.seconds)


def progress(seen, seconds):
    """Returns the goodput of a connection over so many seconds, and for how long nothing of it arrived at most."""
    longest, since, count = 0.0, 0.0, 0
    for at, now in seen:
        if now > count:
            since, count = at, now
        longest = max(longest, at - since)
    longest = max(longest, seconds - since)
    return {"bytes": count, "goodput_mbit": count * 8 / 1e6 / seconds, "longest_standstill_ms": round(1000 * longest)}
