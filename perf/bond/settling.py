"""How soon a sender knows what a link carries, after the link's rate has changed."""

import statistics

NEAR = 0.10  # of the new rate: about right
GOOD = 0.15  # of the new rate: right for good
WINDOW = 3  # lines of the link's log that are taken together, 60 ms: single frames would make a shorter time jump
SPIKE = 5  # samples to either side, 100 ms, of which the median counts: what is shorter is the machine's, not the link's


def means(series, count=WINDOW):
    """The mean of so many neighbours, at the time of the last one."""
    values = [value for _, value in series]
    return [(series[i][0], statistics.fmean(values[i - count + 1 : i + 1])) for i in range(count - 1, len(series))]


def medians(series, around=SPIKE):
    """The median of the neighbours to both sides, at its own time. It leaves steps where they are."""
    values = [value for _, value in series]
    return [(at, statistics.median(values[max(0, i - around) : i + around + 1])) for i, (at, _) in enumerate(series)]


def reached(series, at, before, after, until):
    """Seconds after a step at which the series is first no more than a tenth beyond the new rate, on the side of the old
    one. Who goes beyond the new rate, to let a queue drain, has noticed as well."""
    for time, rate in series:
        if at < time <= until and (rate <= after * (1 + NEAR) if after < before else rate >= after * (1 - NEAR)):
            return time - at
    return until - at


def settled(series, at, after, until):
    """Seconds after a step from which on the series stays within 15 % of the new rate, until the next step."""
    last = at
    for time, rate in series:
        if at < time <= until and abs(rate / after - 1) > GOOD:
            last = time
    return last - at


def steps(served, capacities, rates, began, until):
    """What happened after each step of a link's rate between two moments.

    `served` has (second, Mbit/s) of what left the link, `capacities` likewise what its sender believed, and `rates`
    (second, Mbit/s) of the link from each moment on. All seconds are of one clock. After a fall the link is as slow as it
    is, whatever comes; so what counts then is what the sender believes. After a rise it is what the link serves."""
    found = []
    served, smooth = means(served), medians(capacities)
    for number in range(1, len(rates)):
        (_, before), (at, after) = rates[number - 1], rates[number]
        end = min(until, rates[number + 1][0] if number + 1 < len(rates) else until)
        # A step shortly before the end says nothing about what stays.
        if at < began or end - at < 2:
            continue
        found.append({"at": at, "from": before, "to": after,
                      "within_s": reached(capacities if after < before else served, at, before, after, end),
                      "settled_s": settled(smooth, at, after, end - 0.2)})  # fmt: skip
    return found
