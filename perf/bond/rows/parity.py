"""Parity: lost payloads come back without being asked for. Nothing is sent again in these rows."""

from ..row import Link, Row, extra, mark

POLICY = {"mode": "stripe", "order": "0ms", "resend": "0ms"}
EQUAL = 20, 40  # each of three links: Mbit/s, round trip in ms
# Enough payloads that a share of 0.04 % is told from one of 0.05 %, and few enough bytes that nothing waits.
RATE, SIZE = 8000, 300


def residual(loss, payloads):
    """The share that stays lost of blocks of so many payloads and one parity: a lost one, and any other of its block."""
    return loss * (1 - (1 - loss) ** payloads)


def random_loss(run, loss):
    with run.case([Link(*EQUAL, more=f"loss={100 * loss:g}%")] * 3, POLICY | {"fec": "4+1"}) as case:
        r = case.finish(case.stream(RATE, run.seconds, SIZE))
    r["expected"] = residual(loss, 4)
    return r, {"beside_expected": abs(r["share_lost"] / r["expected"] - 1), "lost": r["share_lost"], "extra": extra(r, SIZE)}


def black_hole(run):
    """One of the links loses everything for ten seconds, and nobody is told."""
    dies, returns = 16, 26
    links = [Link(*EQUAL, more=f"down={dies}s-{returns}s"), Link(*EQUAL), Link(*EQUAL)]
    with run.case(links, POLICY | {"fec": "2+1"}) as case:
        r = case.finish(case.stream(1000, 24, 1000))
    mark(r, dies, returns)
    return r, {"lost": r["lost"], "extra": extra(r, 1000)}


ROWS = {
    "fec_loss1": Row("parity 4+1 over three equal links, 1 % random loss: what stays lost, beside p(1-(1-p)^4)",
                     lambda run: random_loss(run, 0.01), {"beside_expected": ("<=", 0.15)}),
    "fec_loss5": Row("the same, 5 %", lambda run: random_loss(run, 0.05), {"beside_expected": ("<=", 0.15)}),
    # A parity has a header of its own, 8 bytes longer than that of a payload, and the payloads' lengths.
    "fec_black_hole": Row("parity 2+1 over three equal links, one of which loses everything for 10 s", black_hole,
                          {"lost": ("<=", 0), "extra": ("<=", 0.5)}),
}  # fmt: skip
