"""The rows of `perf/aggregate`: what is tried, and the bar that it has to reach.

Each row is a function that takes a Run and gives the figures of one run. `ROWS` names them with their bars; a bar is a
comparison of the median of the runs.
"""

import json
import statistics
import time

from .links import USUAL, Link, payloads_a_second
from .measure import Case, percentile, queues, tcp_limit

SIZE = 1400
STRIPE = {"mode": "stripe", "order": "150ms", "resend": "150ms"}
UNORDERED = {"mode": "stripe", "order": "0ms", "resend": "150ms"}


class Run:
    """What a row may ask for: the programs, and how long to measure."""

    def __init__(self, build, quick, seed):
        self.build, self.quick, self.seed = build, quick, seed
        self.seconds = 12 if quick else 60

    def case(self, links, policy, **options):
        return Case(self.build, links, policy, seed=self.seed, **options)


def rated(links):
    """The keys of ports whose rates are given."""
    return [{"rate": {"up": f"{link.rate}Mbit"}} for link in links]


def udp(run, share, links=USUAL, policy=STRIPE, ports=(), seconds=None, **options):
    with run.case(links, policy, ports=ports) as case:
        rate = share * payloads_a_second(links, SIZE)
        result = case.stream(rate, seconds or run.seconds, SIZE, **options)
        told = case.lab.stop_links()
    result["queue_ms"] = queues(told, result["began"], result["until"])
    result["links"] = told
    result["share"] = result["goodput_mbit"] / (payloads_a_second(links, SIZE) * SIZE * 8 / 1e6)
    return result


def near_the_sum(run):
    r = udp(run, 0.97)
    return r, {"delivered": 0.97 * (1 - r["share_lost"]), "lost": r["share_lost"], "out_of_order": r["reordered"], "p99_ms": r["p99_ms"]}


def near_the_sum_rated(run):
    r = udp(run, 0.97, ports=rated(USUAL))
    return r, {"lost": r["share_lost"], "out_of_order": r["reordered"], "p99_ms": r["p99_ms"]}


def below_the_sum(run):
    r = udp(run, 0.93)
    return r, {"lost": r["share_lost"], "p99_ms": r["p99_ms"]}


def above_the_sum(run):
    r = udp(run, 1.05)
    return r, {"goodput": r["share"], "queue_ms": max(r["queue_ms"])}


def light(run):
    r = udp(run, 0.4, policy=UNORDERED)
    return r, {"lost": r["share_lost"], "p99_ms": r["p99_ms"]}


def tcp(run, links=USUAL, seconds=None, limit=None):
    with run.case(links, STRIPE) as case:
        result = case.tcp(seconds or run.seconds)
        told = case.lab.stop_links()
    result["queue_ms"] = queues(told, result["began"], result["until"])
    result["links"] = told
    result["share"] = result["mbit"] / (limit or tcp_limit(links))
    return result


def tcp_sum(run):
    r = tcp(run)
    return r, {"share": r["share"], "queue_ms": max(r["queue_ms"]), "rtt_p50_ms": r["rtt_p50_ms"], "rtt_p99_ms": r["rtt_p99_ms"]}


def tcp_death(run):
    """The fastest link is dead for ten seconds. TCP's rates of tenths of a second tell the rest."""
    dies, back = 22, 32
    links = (Link(50, 20, more=f"down={dies}s-{back}s"), *USUAL[1:])
    with run.case(links, STRIPE) as case:
        result = case.tcp(34, omit=6)
        told = case.lab.stop_links()
    result["links"] = told
    rates = result["intervals"]

    def mean(first, last):
        return statistics.mean([rate for at, rate in rates if first <= at < last] or [0])

    still = longest = 0.0
    for at, rate in rates:
        still = still + 0.1 if rate < 0.5 and dies - 1 < at < back else 0.0
        longest = max(longest, still)
    result["before"], result["dead"], result["after"] = mean(dies - 6, dies), mean(dies + 1, back), mean(back + 3, back + 8)
    return result, {"dead_share": result["dead"] / tcp_limit(USUAL[1:]), "standstill_s": longest,
                    "after_share": result["after"] / tcp_limit(USUAL)}  # fmt: skip


def halving(run):
    """The middle link halves and doubles every ten seconds."""
    steps = ",".join(f"{rate}Mbit@{at}s" for at, rate in [(0, 20), *((10 * i, 10 if i % 2 else 20) for i in range(2, 12))])
    links = (USUAL[0], Link(None, 60, more="rate=" + steps), USUAL[2])
    with run.case(links, STRIPE) as case:
        rate = 1.05 * payloads_a_second(USUAL, SIZE)
        case.wait_for(8)
        result = case.stream(rate, run.seconds, SIZE)
        told = case.lab.stop_links()
    result["links"] = told
    result["queue_ms"] = queues(told, result["began"], result["until"])
    seconds = [result["began"] + i / 10 for i in range(int(10 * (result["until"] - result["began"])))]
    carried = statistics.mean(55 + (10 if int(at // 10) % 2 and at >= 20 else 20) for at in seconds)
    result["share"] = result["goodput_mbit"] / (carried * SIZE / (SIZE + 84))
    return result, {"goodput": result["share"], "p99_ms": result["p99_ms"]}


def death(run, policy):
    links = (Link(50, 20, more="down=16s-26s"), *USUAL[1:])
    with run.case(links, policy) as case:
        result = case.stream(0.25 * payloads_a_second(USUAL, SIZE), 24, SIZE)
        told = case.lab.stop_links()
    result["links"] = told
    return result


def death_ordered(run):
    r = death(run, STRIPE)
    return r, {"lost": r["lost"], "gap_ms": r["gap_ms"]}


def death_unordered(run):
    r = death(run, UNORDERED)
    return r, {"lost": r["lost"], "gap_ms": r["gap_ms"]}


def extra(result, size):
    """The share of bytes that left beyond one copy of each payload."""
    def sent(status):
        return sum(path["tx_bytes"] for peer in status["peers"] for path in peer["paths"])

    bytes_sent = sent(result["after"]) - sent(result["before"])
    return bytes_sent / (result["sent"] * (size + 84)) - 1


def random_loss(run):
    links = tuple(Link(link.rate, link.round_trip, more="loss=2%") for link in USUAL)
    r = udp(run, 0.85, links=links)
    return r, {"lost": r["share_lost"], "extra": extra(r, SIZE)}


ADAPTIVE = {"mode": "adaptive", "target": "0.1%", "order": "0ms"}


def adaptive_clean(run):
    with run.case(USUAL, ADAPTIVE, deadline="150ms") as case:
        r = case.stream(1000, run.seconds, 1000)
        r["links"] = case.lab.stop_links()
    return r, {"lost": r["lost"], "extra": extra(r, 1000)}


def adaptive_outages(run):
    links = (Link(50, 40, more="down=12s-12.2s,repeat=15s"), Link(20, 60), Link(20, 60))
    with run.case(links, ADAPTIVE, deadline="150ms") as case:
        r = case.stream(1000, run.seconds, 1000)
        r["links"] = case.lab.stop_links()
    return r, {"lost": r["lost"], "extra": extra(r, 1000)}


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
        r = case.stream(300, 13, SIZE, during=during)
        r["links"] = case.lab.stop_links()
    return r, {"lost": r["lost"], "twice": r["duplicated"], "out_of_order": r["reordered"]}


# id -> (what, function, {figure: (comparison, bar)})
ROWS = {
    "udp97": ("UDP at 97 % of the sum, ordered, no rates given", near_the_sum,
              {"delivered": (">=", 0.965), "lost": ("<=", 0.0005), "out_of_order": ("<=", 0.0001), "p99_ms": ("<=", 100)}),
    "udp97_rated": ("the same with rates given", near_the_sum_rated, {"lost": ("<=", 0.0005), "p99_ms": ("<=", 70)}),
    "udp93": ("UDP at 93 % of the sum, ordered", below_the_sum, {"lost": ("<=", 0.0005), "p99_ms": ("<=", 80)}),
    "udp105": ("UDP at 105 % of the sum", above_the_sum, {"goodput": (">=", 0.99), "queue_ms": ("<=", 20)}),
    "udp40": ("UDP at 40 % of the sum, unordered", light, {"lost": ("<=", 0.0005), "p99_ms": ("<=", 13)}),
    "tcp": ("one TCP connection (cubic), through wireguard-go", tcp_sum,
            {"share": (">=", 0.97), "queue_ms": ("<=", 40), "rtt_p50_ms": ("<=", 100), "rtt_p99_ms": ("<=", 120)}),
    "tcp_death": ("one TCP connection while the fastest link dies for 10 s", tcp_death,
                  {"dead_share": (">=", 0.95), "standstill_s": ("<=", 0.4), "after_share": (">=", 0.95)}),
    "halving": ("a 20 Mbit/s link halves and doubles every 10 s, UDP at 105 %", halving,
                {"goodput": (">=", 0.97), "p99_ms": ("<=", 250)}),
    "death_ordered": ("the fastest link dies and returns, room elsewhere, ordered", death_ordered,
                      {"lost": ("<=", 0), "gap_ms": ("<=", 150)}),
    "death_unordered": ("the same, unordered", death_unordered, {"lost": ("<=", 0), "gap_ms": ("<=", 30)}),
    "loss2": ("2 % random loss on every link, resend", random_loss, {"lost": ("<=", 0.0006), "extra": ("<=", 0.025)}),
    "adaptive_clean": ("adaptive, clean links", adaptive_clean, {"lost": ("<=", 0), "extra": ("<=", 0.01)}),
    "adaptive_outages": ("adaptive, an outage of 200 ms each 15 s, deadline 150 ms", adaptive_outages,
                         {"lost": ("<=", 0), "extra": ("<=", 0.05)}),
    "changes": ("the mode changes 100 times in 10 s under load", changes,
                {"lost": ("<=", 0), "twice": ("<=", 0), "out_of_order": ("<=", 0)}),
}  # fmt: skip

__all__ = ["ROWS", "Run", "json", "percentile"]
