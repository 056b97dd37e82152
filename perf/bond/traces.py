"""Links whose rate changes all the time, as that of an LTE modem does: opportunities to send, in mahimahi's format."""

import math
import random

SECONDS = 120
PACKET = 1500  # bytes of an opportunity
STEP_MS = 10


def fading_rates(mean, least, most, seed):
    """Rates of steps of 10 ms in Mbit/s, with this mean: a walk that returns to the mean, and fades of 0.2 to 0.8 s."""
    chance = random.Random(seed)
    rates, walk, fade = [], 0.0, 0
    for _ in range(SECONDS * 1000 // STEP_MS):
        walk = walk * 0.995 + 0.06 * chance.gauss(0, 1)
        if fade == 0 and chance.random() < 0.0007:
            fade = chance.randrange(20, 80)
        rate = mean * math.exp(walk) * (0.15 if fade else 1)
        fade = max(0, fade - 1)
        rates.append(min(most, max(least, rate)))
    scale = mean / (sum(rates) / len(rates))
    return [rate * scale for rate in rates]


def opportunities(rates):
    """The milliseconds of opportunities, each of 1,500 bytes, at such rates of 10 ms each. The last one ends the trace."""
    found, credit = [], 0.0
    for number, rate in enumerate(rates):
        for millisecond in range(number * STEP_MS, (number + 1) * STEP_MS):
            credit += rate * 1000 / 8
            while credit >= PACKET:
                found.append(millisecond)
                credit -= PACKET
    return [*found, len(rates) * STEP_MS]


def carried(rates, first, last):
    """The mean rate between two seconds of the trace, which begins anew at its end."""
    steps = range(int(first * 1000 / STEP_MS), int(last * 1000 / STEP_MS))
    return sum(rates[step % len(rates)] for step in steps) / max(1, len(steps))
