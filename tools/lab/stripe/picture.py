"""The picture of a run as SVG: the rate of each link, one on top of the other, below what the links could carry."""

from html import escape

from .plot import resampled, total
from .timetable import carried

WIDTH, HEIGHT = 920, 430
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 62, 44
COLOURS = ("#2f7ebc", "#f0a23b", "#7b5ea7")
INK, FAINT, GOODPUT = "#24292f", "#d0d7de", "#0b3d1e"
STEP, GOODPUT_STEP = 0.2, 0.5  # s; what applications get comes in larger portions


def round_scale(most):
    """Returns a step of the scale that divides it into four to eight parts, and its upper end."""
    step = next(step for exponent in range(-1, 7) for step in (10**exponent, 2 * 10**exponent, 5 * 10**exponent)
                if most / step <= 8)  # fmt: skip
    return step, step * -int(-most // step)


class Frame:
    """Where times and rates stand in the picture."""

    def __init__(self, seconds, most):
        self.seconds, self.most = seconds, most

    def x(self, at):
        return round(LEFT + (WIDTH - LEFT - RIGHT) * at / self.seconds, 1)

    def y(self, rate):
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(rate, self.most) / self.most, 1)

    def line(self, points):
        return " ".join(f"{self.x(at)},{self.y(rate)}" for at, rate in points)


def text(x, y, words, size=13, anchor="start", fill=INK, weight="normal"):
    return (f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">'
            f"{escape(words)}</text>")  # fmt: skip


def areas(frame, rates, links, moments):
    """Yields an area for each link, which stands on those of the links before it, with its name beside it."""
    floor = [0.0] * len(moments)
    places, below = [], 0.0
    for link, colour in zip(links, COLOURS):
        values = resampled(rates[link.name], frame.seconds, len(moments))
        ceiling = [under + (value or 0.0) for under, value in zip(floor, values)]
        outline = list(zip(moments, ceiling)) + list(zip(moments, floor))[::-1]
        yield f'<polygon points="{frame.line(outline)}" fill="{colour}" fill-opacity="0.85"/>'
        # Beside what the link carries at its best. Names of thin areas would stand on each other.
        middle = frame.y(below + link.rate / 2)
        below += link.rate
        places.append(min(middle, places[-1] - 34) if places else middle)
        yield text(WIDTH - RIGHT + 10, places[-1], link.name, 14, fill=colour, weight="bold")
        yield text(WIDTH - RIGHT + 10, places[-1] + 15, f"{link.rate:g} Mbit/s, {link.round_trip:g} ms", 11)
        floor = ceiling


def offered(frame, links, events):
    """Returns the line of what the links carry together at each time."""
    times = [0.0, *(event.at for event in events), frame.seconds]
    points = []
    for since, until in zip(times, times[1:]):
        rate = sum(carried(link, events, since) for link in links)
        points += [(since, rate), (until, rate)]
    return f'<polyline points="{frame.line(points)}" fill="none" stroke="{INK}" stroke-width="1.2" stroke-dasharray="5 4"/>'


def scale(frame):
    step, top = round_scale(frame.most)
    for i in range(round(top / step) + 1):
        y = frame.y(i * step)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="{FAINT}"/>'
        yield text(LEFT - 8, y + 4, f"{i * step:g}", 12, "end")
    yield text(LEFT - 8, TOP - 14, "Mbit/s", 12, "end")
    seconds = next(step for step in (1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 86400) if frame.seconds / step <= 10)
    for at in range(0, int(frame.seconds) + 1, seconds):
        yield text(frame.x(at), HEIGHT - BOTTOM + 18, f"{at} s", 12, "middle")


def marks(frame, events):
    """Yields a line for each event, with its words above. Words of events that are close stand in two rows."""
    for number, event in enumerate(events):
        x, above = frame.x(event.at), TOP - 10 - 16 * (number % 2)
        yield f'<line x1="{x}" x2="{x}" y1="{above}" y2="{HEIGHT - BOTTOM}" stroke="{INK}" stroke-width="1"/>'
        yield text(x, above - 4, event.text.split(",")[0], 12, "middle", weight="bold")


def picture(rates, goodput, links, events, seconds):
    """Returns the SVG. `goodput` has samples of what both applications get together, as `rates` has for each link."""
    most = round_scale(1.05 * sum(link.rate for link in links))[1]
    frame = Frame(seconds, most)
    count = max(2, round(seconds / STEP))
    moments = [seconds * (i + 0.5) / count for i in range(count)]
    steps = max(2, round(seconds / GOODPUT_STEP))
    got = [(seconds * (i + 0.5) / steps, rate) for i, rate in enumerate(resampled(goodput, seconds, steps)) if rate is not None]
    peak = max(total(rates.values()), key=lambda sample: sample[1], default=(0, 0))[1]
    title = f"Rates of {len(links)} links under one TCP connection and one UDP stream; at most {peak:.0f} Mbit/s together"
    legend = HEIGHT - 11
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        *scale(frame), *areas(frame, rates, links, moments), *marks(frame, events), offered(frame, links, events),
        f'<polyline points="{frame.line(got)}" fill="none" stroke="{GOODPUT}" stroke-width="1.6"/>',
        f'<line x1="{LEFT}" x2="{LEFT + 26}" y1="{legend}" y2="{legend}" stroke="{INK}" stroke-dasharray="5 4"/>',
        text(LEFT + 32, legend + 4, "what the links carry", 12),
        f'<line x1="{LEFT + 190}" x2="{LEFT + 216}" y1="{legend}" y2="{legend}" stroke="{GOODPUT}" stroke-width="2"/>',
        text(LEFT + 222, legend + 4, "what one TCP connection and one UDP stream get of it (without headers)", 12),
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"
