"""Rates over time as text: a band of block characters for each link, and one for their sum."""

BLOCKS = " ▁▂▃▄▅▆▇█"
COLOURS = (36, 33, 35, 32)  # of the bands, as terminals number them
NAME, VALUE = 11, 6  # columns to the left and to the right of a band
ROOM = 1.1  # the scale of a band reaches so much higher than what fills it, so that bands stand apart


def resampled(samples, seconds, columns):
    """Returns the mean rate of each of so many equal times. After the last sample it is None."""
    sums, counts = [0.0] * columns, [0] * columns
    end = -1
    for at, rate in samples:
        column = min(columns - 1, int((at - 0.05) / seconds * columns))  # a sample tells of the tenth before it
        if column >= 0:
            sums[column] += rate
            counts[column] += 1
            end = max(end, column)
    values, before = [], 0.0
    for total, count in zip(sums, counts):
        before = total / count if count else before
        values.append(before if len(values) <= end else None)
    return values


def total(series):
    """Returns the sum of series of samples that belong to the same moments, as far as all of them reach."""
    return [(moments[0][0], sum(rate for _, rate in moments)) for moments in zip(*series)]


def band(values, most, height):
    """Returns the rows of a band, the highest first, in which `most` fills all of it."""
    rows = []
    for row in reversed(range(height)):
        eighths = (None if value is None else round(8 * height * value / most) - 8 * row for value in values)
        rows.append("".join(" " if part is None else BLOCKS[max(0, min(8, part))] for part in eighths))
    return rows


def axis(seconds, columns, events):
    """Returns the line under the bands, with the number of each event at its time, and the line of seconds under that."""
    line = ["─"] * columns
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 86400)
                if step * columns / seconds >= 8)  # fmt: skip
    times = [" "] * (columns + VALUE)
    for at in range(0, int(seconds) + 1, step):
        place = min(columns - 1, int(at / seconds * columns))
        line[place] = "┴"
        times[place : place + len(f"{at} s")] = f"{at} s"
    for number, event in enumerate(events, 1):
        line[min(columns - 1, int(event.at / seconds * columns))] = str(number)
    return ["".join(line), "".join(times).rstrip()]


def plot(rates, scales, seconds, events, columns, heights, colour):
    """Returns the plot in so many columns. `rates` has the samples of each link, `scales` what fills its band, and
    `heights` the rows of a link's band and of the sum's."""
    width = columns - NAME - VALUE - 3
    bands = [(name, samples, scales[name], heights[0]) for name, samples in rates.items()]
    bands.append(("sum", total(rates.values()), sum(scales.values()), heights[1]))
    lines = []
    for number, (name, samples, most, height) in enumerate(bands):
        values = resampled(samples, seconds, width)
        now = [value for value in values if value is not None][-1:]
        for i, text in enumerate(band(values, ROOM * most, height)):
            left = f"{name:>6} {most:>4g}" if i == 0 else ""
            right = f"{now[0]:>{VALUE}.1f}" if now and i == height - 1 else ""
            painted = f"\x1b[{COLOURS[number % len(COLOURS)]}m{text}\x1b[0m" if colour else text
            lines.append(f"{left:<{NAME}} │{painted}│{right}")
    line, times = axis(seconds, width, events)
    lines.append(f"{'Mbit/s':>{NAME}} └{line}┘")
    lines.append(" " * (NAME + 2) + times)
    return lines


def heights(rows, links):
    """Returns the rows of a link's band and of the sum's, where so many rows are left for the bands."""
    link = max(1, min(3, rows // (links + 1)))
    return link, max(1, min(5, rows - links * link))
