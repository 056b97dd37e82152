"""What happens to the links of `tools/demo --mode stripe`, and when.

The links keep to it by themselves: it becomes properties of `warp lab link`, whose clock begins with the link.
"""

from dataclasses import dataclass

BUFFER_MS = 400


@dataclass(frozen=True)
class Link:
    """A link of site A, as it is while nothing happens to it."""

    name: str
    end: str  # its end at the router: a0 is the one of wan0
    rate: float  # Mbit/s
    round_trip: float  # ms

    @property
    def port(self):
        return f"wan{self.end[1:]}"

    @property
    def far(self):
        """How the addresses of its end at site B begin (`joined` of lab.sh)."""
        return f"10.2.{self.end[1:]}."

    @staticmethod
    def parse(text):
        """Reads fibre:a0:50:20, as tools/demo writes it."""
        name, end, rate, round_trip = text.split(":")
        return Link(name, end, float(rate), float(round_trip))


@dataclass(frozen=True)
class Event:
    at: float  # s
    link: str
    rate: float  # Mbit/s from now on; 0: dead
    text: str


def timetable(links, seconds):
    """Returns the events of so many seconds: the middle link slows down for a while, then the first one is dead."""
    first, middle = links[0], links[1]
    slow = middle.rate / 2
    return [
        Event(0.25 * seconds, middle.name, slow, f"{middle.name} slows down, from {middle.rate:g} to {slow:g} Mbit/s"),
        Event(0.40 * seconds, middle.name, middle.rate, f"{middle.name} is as fast as before"),
        Event(0.55 * seconds, first.name, 0, f"{first.name} dies, and nobody is told"),
        Event(0.75 * seconds, first.name, first.rate, f"{first.name} is back"),
    ]


def carried(link, events, at):
    """Returns what the link carries at that time, in Mbit/s."""
    rate = link.rate
    for event in events:
        if event.link == link.name and event.at <= at:
            rate = event.rate
    return rate


def properties(link, events):
    """Returns the link as `warp lab link --both` takes it."""
    steps, outages, died = [f"{link.rate:g}Mbit@0s"], [], None
    for event in events:
        if event.link != link.name:
            continue
        if event.rate == 0:
            died = event.at
        elif died is not None:
            outages.append(f"{died:.3f}s-{event.at:.3f}s")
            died = None
        else:
            steps.append(f"{event.rate:g}Mbit@{event.at:.3f}s")
    told = [f"delay={link.round_trip / 2:g}ms", f"buffer={BUFFER_MS}ms", "rate=" + ",".join(steps)]
    return ",".join(told + ([f"down={','.join(outages)}"] if outages else []))
