"""Links that stay as they are: UDP below and above their sum, in order and not."""

from ..row import UNORDERED, USUAL, Link, Row, udp

RATED = [{"rate": {"up": f"{link.rate}Mbit"}} for link in USUAL]  # keys of ports whose rates are given


def near_the_sum(run):
    r = udp(run, 0.97)
    return r, {"delivered": 0.97 * (1 - r["share_lost"]), "lost": r["share_lost"], "out_of_order": r["reordered"],
               "p99_ms": r["p99_ms"]}  # fmt: skip


def near_the_sum_rated(run):
    r = udp(run, 0.97, ports=RATED)
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


def slots(run):
    """Links that deliver only each 10 ms, as a cell does whose uplink is granted."""
    r = udp(run, 1.05, links=[Link(link.rate, link.round_trip, more="slots=10ms") for link in USUAL])
    return r, {"goodput": r["share"]}


def jitter(run):
    r = udp(run, 1.05, links=[Link(link.rate, link.round_trip, more="jitter=8ms") for link in USUAL])
    return r, {"goodput": r["share"]}


ROWS = {
    "udp97": Row("UDP at 97 % of the sum, ordered, no rates given", near_the_sum,
                 {"delivered": (">=", 0.965), "lost": ("<=", 0.0005), "out_of_order": ("<=", 0.0001), "p99_ms": ("<=", 100)}),
    "udp97_rated": Row("the same with rates given", near_the_sum_rated, {"lost": ("<=", 0.0005), "p99_ms": ("<=", 70)}),
    "udp93": Row("UDP at 93 % of the sum, ordered", below_the_sum, {"lost": ("<=", 0.0005), "p99_ms": ("<=", 80)}),
    "udp105": Row("UDP at 105 % of the sum", above_the_sum, {"goodput": (">=", 0.99), "queue_ms": ("<=", 20)}),
    "udp40": Row("UDP at 40 % of the sum, unordered", light, {"lost": ("<=", 0.0005), "p99_ms": ("<=", 13)}),
    "slots": Row("every link delivers each 10 ms only, UDP at 105 %", slots, {"goodput": (">=", 0.98)}),
    "jitter": Row("exponential jitter of 8 ms on every link, UDP at 105 %", jitter, {"goodput": (">=", 0.95)}),
}  # fmt: skip
