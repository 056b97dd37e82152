"""Links whose rates change: one that halves and doubles, and two that fade as LTE modems do."""

from .. import settling
from ..links import AROUND, payloads_a_second, sum_of
from ..measure import line_values, percentile
from ..row import SIZE, STRIPE, USUAL, Link, Row, span, tcp, udp
from ..traces import fading_rates

CHANGES = 1  # the number of the link whose rate changes
STEPS = [(0, 20), *((10 * i, 10 if i % 2 == 0 else 20) for i in range(2, 12))]
STEPPING = (USUAL[0], Link(STEPS, 60), USUAL[2])


def halving(run):
    with run.case(STEPPING, STRIPE, interval=0.02) as case:
        case.wait_for(8)
        r = case.stream(1.05 * payloads_a_second(USUAL, SIZE), 24 if run.quick else run.seconds, SIZE)
        r = case.finish(r)
    link, began, until = r["links"][CHANGES], r["began"], r["until"]
    r["share"] = r["goodput_mbit"] / (sum_of(STEPPING, *span(r)) * SIZE / (SIZE + AROUND))
    r["steps"] = settling.steps([(line["t"], line["up"]["out_mbit"]) for line in link["log"]],
                                case.sampler.of["A"].series(CHANGES, "capacity", 1e-6),
                                [(at + link["zero"], rate) for at, rate in STEPS], began, until)  # fmt: skip
    r["marks"] = [step["at"] for step in r["steps"]]
    queue = line_values(link["log"], "queue_ms", began, until)
    slowest = lambda name: max((step[name] for step in r["steps"]), default=None)  # noqa: E731
    return r, {"within_s": slowest("within_s"), "settled_s": slowest("settled_s"), "peak_queue_ms": r["peak_ms"][CHANGES],
               "queue_p99_ms": percentile(queue, 99), "goodput": r["share"]}  # fmt: skip


def tcp_halving(run):
    r = tcp(run, STEPPING, seconds=24 if run.quick else None)
    return r, {"share": r["share"]}


def fading(seed):
    """A fixed line, and two modems whose rates fade."""
    return (Link(50, 20),
            Link(fading_rates(20, 1, 60, 2 * seed + 5), 50, trace=True, more="jitter=2ms"),
            Link(fading_rates(10, 0.5, 30, 2 * seed + 7), 70, trace=True, more="jitter=2ms"))  # fmt: skip


def tcp_fading(run, gate="loopback"):
    r = tcp(run, fading(run.seed), gate=gate)
    return r, {"share": r["share"], "rtt_p99_ms": r["rtt_p99_ms"]}


def tcp_tun_fading(run):
    return tcp_fading(run, "tun")


def udp_fading(run):
    r = udp(run, 0.6, links=fading(run.seed))
    return r, {"lost": r["share_lost"], "p99_ms": r["p99_ms"]}


FADING = {"share": (">=", 0.88), "rtt_p99_ms": ("<=", 250)}
ROWS = {
    "halving": Row("a 20 Mbit/s link halves and doubles every 10 s, UDP at 105 %", halving,
                   {"within_s": ("<=", 0.25), "settled_s": ("<=", 0.8), "peak_queue_ms": ("<=", 120), "queue_p99_ms": ("<=", 40),
                    "goodput": (">=", 0.97)}),
    "tcp_halving": Row("the same, one TCP connection", tcp_halving, {"share": (">=", 0.95)}),
    "tcp_fading": Row("50 Mbit/s and two modems that fade around 20 and 10, one TCP connection", tcp_fading, FADING),
    "tcp_tun_fading": Row("the same through TUN gates", tcp_tun_fading, FADING),
    "udp_fading": Row("the same, UDP at 60 %", udp_fading, {"lost": ("<=", 0), "p99_ms": ("<=", 30)}),
}  # fmt: skip
