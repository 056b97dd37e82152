"""What the rows of `perf/aggregate` are made of."""

import dataclasses
from pathlib import Path
from typing import Callable

from .links import AROUND, USUAL, Link, payloads_a_second, sum_of
from .measure import Case, tcp_limit

SIZE = 1400
STRIPE = {"mode": "stripe", "order": "150ms", "resend": "150ms"}
UNORDERED = {"mode": "stripe", "order": "0ms", "resend": "150ms"}


@dataclasses.dataclass
class Row:
    """`measure` takes a Run, and gives (all that was told, the figures). A bar compares the median of the runs."""

    what: str
    measure: Callable
    bars: dict  # figure -> (comparison, bar)


@dataclasses.dataclass
class Run:
    """What a row may ask for: the programs, and how long to measure."""

    build: Path
    quick: bool
    seed: int

    @property
    def seconds(self):
        return 12 if self.quick else 60

    def case(self, links, policy, **options):
        return Case(self.build, links, policy, seed=self.seed, **options)


def holds(figures, bars):
    """Whether every figure that has a bar was measured and reaches it."""
    compare = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b}
    return all(figures.get(name) is not None and compare[how](figures[name], bar) for name, (how, bar) in bars.items())


def udp(run, share, links=USUAL, policy=STRIPE, seconds=None, **options):
    """UDP at this share of the sum of the links, from A to B."""
    with run.case(links, policy, **options) as case:
        result = case.finish(case.stream(share * payloads_a_second(links, SIZE), seconds or run.seconds, SIZE))
    # What can arrive is the sum of the links while it was measured, and no more than was sent.
    result["share"] = result["goodput_mbit"] / (sum_of(links, *span(result)) * SIZE / (SIZE + AROUND))
    return result


def span(result):
    """The part of the links' lives that was measured, in seconds of their schedules."""
    zero = result["links"][0]["zero"]
    return result["began"] - zero, result["until"] - zero


def mark(result, *moments):
    """Adds moments of the links' schedules to the result, and returns them by its clock. All of them belong to what was
    measured: where the sites were ready too late, it was something else."""
    result["marks"] = [moment + result["links"][0]["zero"] for moment in moments]
    if result["marks"][0] < result["began"] + 1:
        raise RuntimeError("the machine is too slow: what was to happen to the links came before the measurement")
    return result["marks"]


def tcp(run, links=USUAL, seconds=None, gate="loopback"):
    """One TCP connection over the sum of the links."""
    with run.case(links, STRIPE, gate=gate) as case:
        connect = case.tcp_tun if gate == "tun" else case.tcp
        result = case.finish(connect(seconds or run.seconds))
    result["share"] = result["mbit"] / tcp_limit(links, *span(result), result["segment"])
    return result


def extra(result, size):
    """The share of bytes that left beyond one copy of each payload."""

    def sent(status):
        return sum(path["tx_bytes"] for peer in status["peers"] for path in peer["paths"])

    bytes_sent = sent(result["after"]) - sent(result["before"])
    return bytes_sent / (result["sent"] * (size + AROUND)) - 1


def missed(result, deadline_ms):
    """The share of payloads that did not arrive within the deadline."""
    late = sum(count for most, count in result["delays"] if most > deadline_ms)
    return (result["lost"] + late) / max(result["sent"], 1)


__all__ = ["Link", "Row", "Run", "SIZE", "STRIPE", "UNORDERED", "USUAL", "extra", "holds", "mark", "missed", "span", "tcp", "udp"]
