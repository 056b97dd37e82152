"""One TCP connection over the sum of the links, and while the fastest of them dies."""

import statistics

from ..measure import tcp_limit
from ..row import STRIPE, USUAL, Link, Row, mark, tcp

DIES, RETURNS, ENDS = 22, 32, 40  # seconds of the links
DYING = (Link(50, 20, more=f"down={DIES}s-{RETURNS}s"), *USUAL[1:])


def connection_figures(r):
    return {"share": r["share"], "queue_ms": max(r["queue_ms"]), "rtt_p50_ms": r["rtt_p50_ms"], "rtt_p99_ms": r["rtt_p99_ms"],
            "mbit": r["mbit"]}  # fmt: skip


def tcp_sum(run, gate="loopback"):
    r = tcp(run, gate=gate)
    return r, connection_figures(r)


def tcp_tun(run):
    return tcp_sum(run, "tun")


def death_figures(r, limit, limit_dead):
    """What TCP's rates of tenths of a second tell of the death of a link, beside what it can have before and meanwhile."""
    dies, returns = mark(r, DIES, RETURNS)

    def mean(first, last):
        return statistics.mean([rate for at, rate in r["intervals"] if first <= at < last] or [0])

    still = longest = 0.0
    for at, rate in r["intervals"]:
        still = still + 0.1 if rate < 0.5 and dies - 1 < at < returns else 0.0
        longest = max(longest, still)
    r["before"], r["dead"], r["after"] = mean(dies - 6, dies), mean(dies + 1, returns), mean(returns + 3, returns + 8)
    return {"dead_share": r["dead"] / limit_dead, "standstill_s": longest, "after_share": r["after"] / limit}


def tcp_death(run, gate="loopback"):
    with run.case(DYING, STRIPE, gate=gate) as case:
        connect = case.tcp_tun if gate == "tun" else case.tcp
        r = case.finish(connect(ENDS - 6, omit=6))
    return r, death_figures(r, *(tcp_limit(links, segment=r["segment"]) for links in (USUAL, USUAL[1:])))


def tcp_tun_death(run):
    return tcp_death(run, "tun")


SUM = {"share": (">=", 0.97), "queue_ms": ("<=", 40), "rtt_p50_ms": ("<=", 100), "rtt_p99_ms": ("<=", 120)}
DEATH = {"dead_share": (">=", 0.95), "standstill_s": ("<=", 0.4), "after_share": (">=", 0.95)}
ROWS = {
    "tcp": Row("one TCP connection (cubic), through wireguard-go", tcp_sum, SUM),
    "tcp_tun": Row("one TCP connection (cubic), through TUN gates", tcp_tun, SUM),
    "tcp_death": Row("one TCP connection while the fastest link dies for 10 s", tcp_death, DEATH),
    "tcp_tun_death": Row("the same through TUN gates", tcp_tun_death, DEATH),
}
