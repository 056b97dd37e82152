"""Makes one self-contained HTML page of a report of `perf/aggregate`: each row beside its bars, and what happened in time."""

import bisect
import html
import statistics

from report.page import document, figure, table

from .row import holds

LINKS = [("link 0", "warp"), ("link 1", "warp2"), ("link 2", "warp4")]
PEERS = {"link0_alone": "raw", "link1_alone": "p3", "link2_alone": "p2", "mptcp_cubic": "p0", "mptcp_bbr": "p1"}
POINTS = 300  # of a line in time: more than the page can show
SMOOTH = 75  # of a connection, which comes in jumps
SHARES = [i / 200 for i in range(200)] + [0.9975, 0.999, 0.9995, 1]  # of payloads, for the distribution of delays


def render(report):
    charts = {}
    body = [overview(report), *(row(one, report, charts) for one in report["rows"])]
    return document("WARP: the sum of the links", report, body, charts)


# --- Series. ---


def thinned(points, count=POINTS):
    """Means of neighbours, so that at most so many points remain."""
    step = max(1, -(-len(points) // count))
    groups = [points[i : i + step] for i in range(0, len(points), step)]
    middle = lambda group, of: statistics.fmean(point[of] for point in group)  # noqa: E731
    return [[round(middle(group, 0), 2), round(middle(group, 1), 3)] for group in groups]


def peaks(points, count=POINTS):
    """The largest of neighbours, likewise."""
    step = max(1, -(-len(points) // count))
    groups = [points[i : i + step] for i in range(0, len(points), step)]
    return [[round(group[-1][0], 2), round(max(y for _, y in group), 2)] for group in groups]


def stackable(series):
    """The same series at the moments of the first, in between which they go straight: only so they stand on each other."""
    moments = [at for at, _ in series[0]] if series else []
    return [[[at, round(between(points, at), 3)] for at in moments] for points in series]


def between(points, at):
    """The value at a moment."""
    place = bisect.bisect_left(points, at, key=lambda point: point[0])
    if place in (0, len(points)):
        return points[min(place, len(points) - 1)][1] if points else 0.0
    (x0, y0), (x1, y1) = points[place - 1], points[place]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)


def in_time(told, name):
    """(second of the measurement, value) of each link, from its log."""
    began, until = told["began"], told["until"]
    return [[(line["t"] - began, line["up"][name]) for line in link["log"] if began <= line["t"] <= until]
            for link in told["links"]]  # fmt: skip


def capacities(told):
    """(second of the measurement, Mbit/s) of each link, as A believes it carries."""
    samples, began, until = told.get("samples", {}).get("A", {"t": [], "links": []}), told["began"], told["until"]
    return [[(at - began, value / 1e6) for at, value in zip(samples["t"], link["capacity"]) if value is not None and began <= at <= until]
            for link in samples["links"]]  # fmt: skip


def distribution(delays):
    """[delay in ms, share of payloads that took no longer], from [delay at most, how many]."""
    total, seen, points, wanted = sum(count for _, count in delays), 0, [], list(SHARES)
    for delay, count in sorted(delays):
        seen += count
        while wanted and seen >= wanted[0] * total:
            points.append([round(delay, 3), wanted.pop(0)])
    return points


def seconds_axis(until):
    step = next(step for step in (1, 2, 5, 10, 20, 60) if until / step <= 8 or step == 60)
    return {"xTicks": [[at, str(at)] for at in range(0, int(until) + 1, step)], "xRange": [0, until], "xLabel": "seconds"}


def typical(runs):
    """The run that is drawn: the middle one by its first figure."""
    first = next(iter(runs[0]["figures"]))
    return sorted(runs, key=lambda run: run["figures"][first] if run["figures"][first] is not None else -1)[(len(runs) - 1) // 2]


# --- The page. ---


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.4g}"


def spread(runs, name):
    values = [run["figures"].get(name) for run in runs if run["figures"].get(name) is not None]
    if len(values) < 2 or min(values) == max(values):
        return ""
    return f"<span class=soft>{number(min(values))}–{number(max(values))}</span>"


def verdict(good):
    return f"<td class={'holds' if good else 'misses'}>{'holds' if good else 'MISSES'}</td>"


def lines_of(one):
    """A line for each figure that has a bar."""
    for name, bar in one["bar"].items():
        how, limit = bar.split()
        good = holds(one["value"], {name: (how, float(limit))})
        yield name, number(one["value"].get(name)), spread(one["runs"], name), f"{'≥' if how == '>=' else '≤'} {limit}", good


def rows_table(head, lines):
    """A table whose last column is a verdict."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line[:-1]) + verdict(line[-1]) + "</tr>" for line in lines)
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    return f"<div class=scroll><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"


def overview(report):
    held = sum(one["holds"] for one in report["rows"])
    lines = []
    for one in report["rows"]:
        for place, (name, value, its, bar, good) in enumerate(lines_of(one)):
            lines.append(["" if place else html.escape(one["id"]), name, value, its, bar, good])
    before = f", with a load of {report['load_before']} before" if "load_before" in report else ""
    return (f"<p>Two sites, and unequal links between them that an emulator plays. <b>{held} of {len(report['rows'])}</b> rows "
            f"hold. Values are medians of the runs; both sites, the links and the generators share "
            f"{report['machine']['cpus']} CPUs{before}.</p>"
            + rows_table(["row", "figure", "value", "runs", "bar", ""], lines))  # fmt: skip


def row(one, report, charts):
    text = [f"<h2>{html.escape(one['id'])}</h2>", f"<p>{html.escape(one['what'])}</p>",
            rows_table(["figure", "value", "runs", "bar", ""], list(lines_of(one)))]  # fmt: skip
    if one["failed"]:
        text.append(f"<p>Runs without a result: {one['failed']}.</p>")
    others = [peer for peer in report["peers"] if peer["row"] == one["id"]]
    if one["runs"]:
        told = typical(one["runs"])["told"]
        text.append(f"<div class=grid>{''.join(drawn(one['id'], told, others, charts))}</div>")
    if others:
        text.append(peers_table(one, others))
    return "\n".join(text)


def drawn(name, told, others, charts):
    """The figures of one run, beside those of the peers."""
    until = told["until"] - told["began"]
    axis = seconds_axis(until) | {"cuts": [mark - told["began"] for mark in told.get("marks", []) if 0 < mark - told["began"] < until]}
    rates, queues = in_time(told, "out_mbit"), in_time(told, "peak_ms")
    stack = [{"name": LINKS[i][0], "color": LINKS[i][1], "points": points}
             for i, points in enumerate(stackable([thinned(points) for points in rates]))]  # fmt: skip
    yield figure(f"{name}_rate", {"kind": "lines", "stacked": True, "series": stack, "yLabel": "Mbit/s", **axis},
                 charts, "Rate of each link", "What the links delivered from A to B, on top of each other.")  # fmt: skip
    lines = [{"name": LINKS[i][0], "color": LINKS[i][1], "points": peaks(points)} for i, points in enumerate(queues)]
    yield figure(f"{name}_queue", {"kind": "lines", "series": lines, "yLabel": "ms", **axis}, charts,
                 "Queue of each link", "The longest wait in the link’s own buffer.")  # fmt: skip
    lines = [{"name": LINKS[i][0], "color": LINKS[i][1], "points": thinned(points)} for i, points in enumerate(capacities(told)) if points]
    if lines:
        yield figure(f"{name}_capacity", {"kind": "lines", "series": lines, "yLabel": "Mbit/s", **axis}, charts,
                     "Capacity of each link, as its sender believes", "Where a link was never full: what was used of it.")  # fmt: skip
    ran = [peer for peer in others if peer["runs"]]
    delays = [{"name": "WARP", "color": "warp", "points": distribution(told["delays"])},
              *({"name": peer["id"], "color": PEERS[peer["id"]], "points": distribution(typical(peer["runs"])["told"]["delays"])}
                for peer in ran)]  # fmt: skip
    delays = [line for line in delays if line["points"]]
    if delays:
        what = "One way, from application to application."
        if "intervals" in told:
            what = "Round trips of pings beside the connection, inside the tunnel; of others, over their first link."
        yield figure(f"{name}_delay", delay_chart(delays), charts, "Delay", what)
    if "intervals" in told:
        goodput = [("WARP", "warp", told), *((peer["id"], PEERS[peer["id"]], typical(peer["runs"])["told"]) for peer in ran)]
        yield figure(f"{name}_goodput", {
            "kind": "lines", "yLabel": "Mbit/s", **axis,
            "series": [{"name": who, "color": color,
                        "points": thinned([(at - its["began"], rate) for at, rate in its["intervals"] if at >= its["began"]], SMOOTH)}
                       for who, color, its in goodput]}, charts, "Goodput of the connection", "What arrived.")  # fmt: skip


def delay_chart(lines):
    """Shares of payloads by delay, whose axis ends where nearly all have arrived."""
    most = max(next((delay for delay, share in line["points"] if share >= 0.999), line["points"][-1][0]) for line in lines)
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000) if most / step <= 8 or step == 5000)
    return {"kind": "lines", "series": lines, "xRange": [0, most * 1.02], "yRange": [0, 1], "xLabel": "ms",
            "yLabel": "share that took no longer",
            "xTicks": [[at, str(at)] for at in range(0, int(most * 1.02) + 1, step)],
            "yTicks": [[0, "0"], [0.25, "25 %"], [0.5, "50 %"], [0.75, "75 %"], [0.99, "99 %"]]}  # fmt: skip


def peers_table(one, others):
    names = list(dict.fromkeys(name for peer in others for name in peer["value"])) or list(one["bar"])
    ours = {name: [run["figures"].get(name) for run in one["runs"] if run["figures"].get(name) is not None] for name in names}
    lines = [["WARP", *(number(statistics.median(values) if values else None) for values in ours.values())]]
    for peer in others:
        why = peer["reason"] or ("failed" if not peer["runs"] else "")
        cells = [number(peer["value"].get(name)) for name in names]
        lines.append([html.escape(peer["what"]), *([html.escape(why), *[""] * (len(names) - 1)] if why else cells)])
    return "<h3 style='margin-top:26px'>Others on the same links</h3>" + table(["", *names], lines, [0])
