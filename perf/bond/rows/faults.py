"""Links that die, links that lose, and a stranger on one of them."""

import time

from ..links import payloads_a_second, wait_until
from ..row import SIZE, STRIPE, UNORDERED, USUAL, Link, Row, extra, mark, udp

LOSSY = tuple(Link(link.rate, link.round_trip, more="loss=2%") for link in USUAL)
UNSENT = {"mode": "stripe", "order": "150ms", "resend": "0ms"}  # what is lost is not sent again
DIES, RETURNS = 16, 26  # seconds of the links
SHARED = 1  # the number of the stranger's link


def death(run, policy):
    links = (Link(50, 20, more=f"down={DIES}s-{RETURNS}s"), *USUAL[1:])
    with run.case(links, policy) as case:
        r = case.finish(case.stream(0.25 * payloads_a_second(USUAL, SIZE), 24, SIZE))
    mark(r, DIES, RETURNS)
    return r


def death_ordered(run):
    r = death(run, STRIPE)
    return r, {"lost": r["lost"], "gap_ms": r["gap_ms"]}


def death_unordered(run):
    r = death(run, UNORDERED)
    return r, {"lost": r["lost"], "gap_ms": r["gap_ms"]}


def death_unsent(run):
    r = death(run, UNSENT)
    return r, {"lost_s": r["lost"] / (0.25 * payloads_a_second(USUAL, SIZE))}


def random_loss(run):
    r = udp(run, 0.85, links=LOSSY)
    return r, {"lost": r["share_lost"], "extra": extra(r, SIZE), "p99_ms": r["p99_ms"]}


def proven_loss(run):
    r = udp(run, 0.85, links=LOSSY, policy=UNSENT)
    return r, {"p99_ms": r["p99_ms"]}


def changes(run):
    """The mode changes a hundred times in ten seconds, under load."""
    modes = ("stripe", "replicate", "adaptive", "backup")
    with run.case(USUAL, STRIPE) as case:

        def during():
            time.sleep(1)
            for i in range(100):
                case.nodes.set("A", f"mode={modes[i % 4]}")
                time.sleep(0.1)

        # What all modes can carry: replicate is as fast as the slowest link.
        r = case.finish(case.stream(300, 13, SIZE, during=during))
    return r, {"lost": r["lost"], "twice": r["duplicated"], "out_of_order": r["reordered"]}


def stranger(run):
    """A stranger's TCP connection (cubic) fills one of the links, which the tunnel uses as well."""
    seconds = 24 if run.quick else run.seconds
    with run.case(USUAL, STRIPE) as case:
        came = []

        def during():
            time.sleep(5)
            target = case.lab.address("B", SHARED)
            server = case.lab.start("B", "iperf3", "--server", "--one-off")
            wait_until(lambda: case.lab.on("B", "ss", "-Hltn", "sport = :5201").strip(), 10, "iperf3")
            came.append(case.now())
            client = case.lab.start("A", "iperf3", "--client", target, "--time", seconds - 6, "--congestion", "cubic")
            client.communicate()
            came.append(case.now())
            server.kill()
            server.communicate()

        r = case.finish(case.stream(1.05 * payloads_a_second(USUAL, SIZE), seconds, SIZE, during=during))
    # What arrived of ours over that link, from 5 s after the stranger came.
    r["marks"] = came
    ours = case.sampler.of["B"].rate(SHARED, "rx_bytes", came[0] + 5, came[1])
    return r, {"share": ours / USUAL[SHARED].rate}


ROWS = {
    "death_ordered": Row("the fastest link dies and returns, room elsewhere, ordered", death_ordered,
                         {"lost": ("<=", 0), "gap_ms": ("<=", 150)}),
    "death_unordered": Row("the same, unordered", death_unordered, {"lost": ("<=", 0), "gap_ms": ("<=", 30)}),
    "death_unsent": Row("the same, where nothing is sent again: seconds' worth of payloads", death_unsent,
                        {"lost_s": ("<=", 0.25)}),
    "loss2": Row("2 % random loss on every link, UDP at 85 %, resend", random_loss,
                 {"lost": ("<=", 0.0006), "extra": ("<=", 0.025), "p99_ms": ("<=", 100)}),
    "loss2_unsent": Row("the same, where nothing is sent again: ordered, gaps are known to be lost", proven_loss,
                        {"p99_ms": ("<=", 47)}),
    "changes": Row("the mode changes 100 times in 10 s under load", changes,
                   {"lost": ("<=", 0), "twice": ("<=", 0), "out_of_order": ("<=", 0)}),
    "stranger": Row("a stranger's TCP connection (cubic) on the 20 Mbit/s link: our share of it after 5 s", stranger,
                    {"share": (">=", 0.3)}),
}  # fmt: skip
