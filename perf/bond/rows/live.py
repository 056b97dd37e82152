"""Live media with a deadline: copies only where sending again would be too late."""

from ..row import USUAL, Link, Row, extra, missed

ADAPTIVE = {"mode": "adaptive", "target": "0.1%", "order": "0ms"}
RATE, SIZE = 1000, 1000  # payloads a second, bytes

# A satellite in low orbit loses everything for a moment, each 15 s when it changes its path.
MOMENTS = [(12 + 15 * i, (200, 40, 250, 80, 120)[i % 5] / 1000) for i in range(22)]
OUTAGES = "down=" + ",".join(f"{at}s-{at + length:g}s" for at, length in MOMENTS)
# Where the deadline is shorter than it takes to know of an outage, the first one, which nobody can foresee, is late
# whatever is done. So it has to be measured for as long as the model was of which the bar comes: 20 outages.
LONG = 300
# An LTE modem: each 8 s on average it loses four of five packets for an eighth of a second.
BURSTS = "to_bad=0.0125%,to_good=0.77%,loss_bad=80%"


def adaptive(run, links, deadline_ms, seconds=None):
    with run.case(links, ADAPTIVE, deadline=f"{deadline_ms}ms") as case:
        r = case.finish(case.stream(RATE, run.seconds if run.quick else seconds or run.seconds, SIZE))
    return r, {"missed": missed(r, deadline_ms), "extra": extra(r, SIZE), "lost": r["lost"]}


def bad_link(properties):
    return (Link(50, 40, more=properties), Link(20, 60), Link(20, 60))


ROWS = {
    "adaptive_clean": Row("adaptive, clean links", lambda run: adaptive(run, USUAL, 150),
                          {"lost": ("<=", 0), "extra": ("<=", 0.01)}),
    "adaptive_outages": Row("adaptive, an outage of 40 to 250 ms each 15 s, deadline 150 ms",
                            lambda run: adaptive(run, bad_link(OUTAGES), 150),
                            {"lost": ("<=", 0), "missed": ("<=", 0), "extra": ("<=", 0.05)}),
    "adaptive_outages_80": Row("the same, deadline 80 ms, for 300 s",
                               lambda run: adaptive(run, bad_link(OUTAGES), 80, LONG),
                               {"missed": ("<=", 0.0003), "extra": ("<=", 0.1)}),
    "adaptive_bursts": Row("adaptive, bursts of loss as of LTE, deadline 150 ms",
                           lambda run: adaptive(run, bad_link(BURSTS), 150),
                           {"missed": ("<=", 0.00001), "extra": ("<=", 0.1)}),
}  # fmt: skip
