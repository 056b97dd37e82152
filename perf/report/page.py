"""Makes one self-contained HTML page of a report: figures that a script in the page draws, tables, and their origin."""

import html
import json
from pathlib import Path

HERE = Path(__file__).parent

STAGES = ["rx", "parse", "look", "open", "claim", "deliver", "take", "seal", "replicate", "tx", "complete"]
SHAPES = [("1x1", "warp"), ("2x2", "warp2"), ("3x3", "p2"), ("4x4", "warp4")]
CUTS = {"none": "No cut", "sender": "Cable pulled at the sender", "receiver": "Cable pulled at the receiver", "black_hole": "Black hole"}


def render(report):
    charts = {}
    body = []
    if report.get("results"):
        body.append(engine(report, charts))
    if report.get("system"):
        body.append(system(report, charts))
    return document("WARP, measured", report, body, charts)


def document(title, report, body, charts):
    """Puts a page together, with its style, script and data, from the parts of its body."""
    text = (HERE / "page.html").read_text()
    for name, part in {
        "CSS": (HERE / "page.css").read_text(),
        "TITLE": html.escape(title),
        "WHERE": where(report),
        "BODY": "\n".join(body),
        # The text must not contain "</", which would end the script.
        "DATA": json.dumps(charts, separators=(",", ":")).replace("</", "<\\/"),
        "SCRIPT": (HERE / "page.js").read_text(),
    }.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return text


def where(report):
    machine = report["machine"]
    lines = [f"{report['when']} · commit {report['commit']}" + (" · quick run: to look at, not to quote" if report["quick"] else ""),
             f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['memory_gib']} GiB, {machine['virtual']} · Linux {machine['kernel']}",
             " · ".join(f"{name} {version}" for name, version in report["versions"].items())]  # fmt: skip
    return "<br>".join(html.escape(line) for line in lines)


# --- Building blocks. ---


def figure(name, chart, charts, title, caption="", wide=False):
    charts[name] = chart
    return (f'<figure{" class=wide" if wide else ""}><h3>{title}</h3><figcaption>{caption}</figcaption>'
            f'<div data-chart="{name}" data-title="{html.escape(title)}"></div></figure>')  # fmt: skip


def table(head, rows, ours=()):
    cells = lambda tag, row: "".join(f"<{tag}>{cell}</{tag}>" for cell in row)  # noqa: E731
    lines = [f'<tr{" class=ours" if number in ours else ""}>{cells("td", row)}</tr>' for number, row in enumerate(rows)]
    return f'<div class=scroll><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def span(figure, scale=1.0, digits=0):
    """Returns a median and the extremes of its runs, as text."""
    median = f"{figure['median'] / scale:,.{digits}f}"
    if figure["min"] == figure["max"]:
        return median
    return f"{median} <span class=soft>{figure['min'] / scale:,.{digits}f}–{figure['max'] / scale:,.{digits}f}</span>"


# --- The engine: one core, no kernel. ---


def engine(report, charts):
    results = report["results"]
    sizes = sorted({int(name.rsplit("_", 1)[1]) for name in results if name.startswith("seal_replicate_1x1_") and name[-1].isdigit()})
    grid = []

    series = []
    for shape, color in SHAPES:
        points = [[size, 1e3 / results[f"seal_replicate_{shape}_{size}"]["ns_per_payload"]]
                  for size in sizes if f"seal_replicate_{shape}_{size}" in results]  # fmt: skip
        if points:
            copies = int(shape[0]) ** 2
            series.append({"name": f"{shape.replace('x', '×')}, {copies} cop{'y' if copies == 1 else 'ies'}", "color": color,
                           "points": points, "dots": True})  # fmt: skip
    received = [[size, 1e3 / results[f"open_deliver_{size}"]["ns_per_payload"]] for size in sizes if f"open_deliver_{size}" in results]
    series.append({"name": "open and deliver", "color": "p0", "points": received, "dots": True, "dashed": True})
    grid.append(figure("throughput", {
        "kind": "lines", "series": series, "xLog": True, "xLabel": "payload, bytes (logarithmic)", "yLabel": "million payloads a second",
        "xTicks": [[size, f"{size:,}"] for size in sizes]}, charts,
        "Throughput by size", "One core: sealed once, a copy for each path, transmitted to null ports."))  # fmt: skip

    rows = []
    for name, label in [("seal_replicate_1x1_1420", "seal, 1 copy"), ("seal_replicate_2x2_1420", "seal, 4 copies"),
                        ("seal_replicate_3x3_1420", "seal, 9 copies"), ("seal_replicate_4x4_1420", "seal, 16 copies"),
                        ("open_deliver_1420", "open, deliver"), ("duplicate_drop_1420", "drop a duplicate"),
                        ("seal_replicate_1x1_64", "seal 64 B, 1 copy"), ("open_deliver_64", "open 64 B, deliver")]:  # fmt: skip
        if name in results and results[name].get("stages"):
            stages = results[name]["stages"]
            rows.append({"label": label, "parts": [[stage, stages[stage]] for stage in STAGES if stage in stages],
                         "mark": results[name].get("bare_ns")})  # fmt: skip
    grid.append(figure("stages", {"kind": "stacks", "rows": rows, "order": STAGES, "unit": "ns per payload"}, charts,
                       "Cost by stage", "1,420 bytes unless said. The vertical mark is the sum of the bare parts (cipher, copies, ring) "
                       "in the same run. Stamps between stages cost a few ns each."))  # fmt: skip

    lines, required = [], ["seal_replicate_1x1_1420", "seal_replicate_2x2_1420", "open_deliver_1420", "duplicate_drop_1420",
                           "seal_replicate_1x1_64"]  # fmt: skip
    for name in required + sorted(name for name in results if name not in required and "ratio" in results[name]):
        one = results.get(name)
        if one and "bare_ns" in one:
            lines.append([name, f"{one['ns_per_payload']:,.0f}", f"±{50 * one.get('spread', 0):.1f} %", f"{one['bare_ns']:,.0f}",
                          f"{one['ratio']:.2f}", f"{1e3 / one['ns_per_payload']:.2f}"])  # fmt: skip
    text = ["<h2>The engine, without the kernel</h2>",
            f"<p class=soft>{html.escape(engine_where(report))}</p>",
            f"<div class=grid>{''.join(grid)}</div>",
            "<p class=soft style='margin:22px 0 0'>±: half the distance of the quartiles.</p>",
            table(["case", "ns per payload", "±", "bare parts, ns", "whole / bare", "million/s"], lines)]  # fmt: skip
    if scaling := results.get("two_core_scaling"):
        text.append(f"<p style='margin-top:14px'>Two cores against one, two ports, 2×2, both directions: "
                    f"<b>{scaling['skewed']['factor']:.2f}</b> times with copies arriving skewed "
                    f"({100 * scaling['skewed']['opened_twice']:.1f} % opened twice), "
                    f"<b>{scaling['lockstep']['factor']:.2f}</b> times in lockstep "
                    f"({100 * scaling['lockstep']['opened_twice']:.1f} %).</p>")  # fmt: skip
    return "\n".join(text)


def engine_where(report):
    its = report.get("engine", {})
    return (f"One core at {its.get('tsc_ghz', 0):.1f} GHz (time-stamp counter), {its.get('engine', '?')} {its.get('ipsec_mb', '')}, "
            f"{its.get('dpdk', 'DPDK')}, {'hugepages' if its.get('hugepages') else 'no hugepages'}. Null and ring ports.")  # fmt: skip


# --- The system: namespaces, veth, real sockets. ---


def color_of(one):
    if one["name"].startswith("warp"):
        return {1: "warp", 2: "warp2", 4: "warp4"}[one["copies"]]
    return {"raw": "raw", "wireguard-go": "p0", "openvpn": "p1", "nebula": "p2", "tinc": "p3"}.get(one["name"], "raw")


def compared(systems, value, unit, digits, scale=1.0):
    rows = []
    for one in systems:
        if its := value(one):
            rows.append({"label": one["title"], "color": color_of(one), "value": its["median"] / scale, "min": its["min"] / scale,
                         "max": its["max"] / scale})  # fmt: skip
    return {"kind": "bars", "rows": rows, "unit": unit, "digits": digits}


def system(report, charts):
    its, cpus = report["system"], report["machine"]["cpus"]
    systems = its["systems"]
    text = ["<h2>WARP beside its peers</h2>",
            f"<p>Two sites, links of MTU 1500, one after the other with the same generator (<code>warp gauge</code>). Everything, both "
            f"ends and the generator, shares <b>{cpus} CPUs</b>: rates show what all of it together costs, not what one end could do. "
            f"Systems with 2×2 paths go through a switch, all others over a direct veth. Bars are medians, whiskers the smallest "
            f"and the largest run.</p>"]  # fmt: skip
    grid = []
    for size in ("1400", "200"):
        if any(size in one["loss_free"] for one in systems):
            grid.append(figure(f"rate{size}", compared(systems, lambda one: one["loss_free"].get(size), "thousand packets a second",
                                                       0, 1e3), charts,
                               f"Loss-free rate, {int(size):,} bytes", "The highest rate of which at most 0.001 % was lost."))  # fmt: skip
    grid.append(figure("cpu", compared(systems, lambda one: one["cpu"] and one["cpu"]["at_80_percent"], "µs per packet", 1), charts,
                       "CPU time of the tunnel, both ends", "Per packet of 1,400 bytes, at 80 % of its own loss-free rate."))  # fmt: skip
    if its["tcp"]:
        rows = [{"label": one["title"], "color": "p0" if "alone" in one["title"] else "warp", "value": one["throughput"]["median"],
                 "min": one["throughput"]["min"], "max": one["throughput"]["max"]} for one in its["tcp"]]  # fmt: skip
        grid.append(figure("tcp", {"kind": "bars", "rows": rows, "unit": "Mb/s", "digits": 0}, charts,
                           "TCP through wireguard-go", "One connection of iperf3; WARP’s gates are wireguard-go’s endpoints."))  # fmt: skip
    for key, title in (("offloads", "TCP between interfaces"), ("no_offloads", "TCP between interfaces, all offloads off")):
        rows = [{"label": one["title"], "color": "warp" if one["name"].startswith("warp") else "p0", "value": one[key]["median"],
                 "min": one[key]["min"], "max": one[key]["max"]} for one in its.get("networks", [])]  # fmt: skip
        if rows:
            grid.append(figure(f"network_{key}", {"kind": "bars", "rows": rows, "unit": "Mb/s", "digits": 0}, charts, title,
                               "One connection of iperf3 between the two sites; WARP’s gates are TUN interfaces."))  # fmt: skip
    for way, title in (("back_to_back", "Round trip, back to back"), ("every_10_ms", "Round trip, one every 10 ms")):
        rows = [{"label": one["title"], "color": color_of(one), "values": [one["round_trip"][way][q]["median"] for q in ("p50", "p99")]}
                for one in systems]  # fmt: skip
        grid.append(figure(way, {"kind": "dots", "rows": rows, "unit": "µs, 200 bytes"}, charts, title,
                           "Filled: half of all are faster (p50). Hollow: 99 % are (p99). The generator sleeps in between."))  # fmt: skip
    grid.append(latency(systems, charts))
    text.append(f"<div class=grid>{''.join(grid)}</div>")
    text.append(system_table(systems))
    text.append(cuts(systems, charts))
    return "\n".join(text)


def latency(systems, charts):
    """Draws how many round trips take longer than a given time."""
    series = []
    for one in systems:
        if one["name"].startswith("warp") and one["name"] not in ("warp-1-af_packet", "warp-2-af_packet"):
            continue
        counts = one["round_trip"]["back_to_back"]["distribution"]
        total, longer, points = sum(count for _, count in counts), sum(count for _, count in counts), []
        for value, count in counts:
            longer -= count
            points.append([value, longer / total])
        # A few points suffice for a line, and shares below one in ten thousand are left out.
        series.append({"name": one["title"], "color": color_of(one), "points": [p for p in points if p[1] >= 1e-4]})
    xs = [point[0] for one in series for point in one["points"]]
    low, high = (min(xs), max(xs)) if xs else (1, 10)
    ticks = [base * 10**power for power in range(0, 6) for base in (1, 2, 5) if low <= base * 10**power <= high]
    return figure("latency", {
        "kind": "lines", "series": series, "xLog": True, "yLog": True, "yRange": [1e-4, 1], "xRange": [low, high], "height": 320,
        "yTicks": [[1, "all"], [0.5, "50 %"], [0.1, "10 %"], [0.01, "1 %"], [0.001, "0.1 %"], [0.0001, "0.01 %"]],
        "xTicks": [[tick, f"{tick:,}"] for tick in ticks], "xLabel": "µs (logarithmic)", "yLabel": "share of round trips that take longer"},
        charts, "Latency distribution", "Round trips of 200 bytes, back to back, all runs together.", wide=True)  # fmt: skip


def system_table(systems):
    head = ["system", "cipher", "1,400 B,<br>kpps", "200 B,<br>kpps", "RTT, µs<br>p50 / p99", "polling", "every 10 ms", "CPU, µs,<br>at 20 kpps",
            "<br>at 80 %", "idle,<br>% of a core"]  # fmt: skip
    rows = []
    for one in systems:
        trip = lambda way: " / ".join(f"{one['round_trip'][way][q]['median']:.0f}" for q in ("p50", "p99"))  # noqa: E731, B023
        cpu = lambda key: f"{one['cpu'][key]['median']:.1f}" if one["cpu"] else "–"  # noqa: E731, B023
        rate = lambda size: span(one["loss_free"][size], 1e3) if size in one["loss_free"] else "–"  # noqa: E731, B023
        rows.append([html.escape(one["title"]), one["cipher"], rate("1400"), rate("200"), trip("back_to_back"), trip("polling"),
                     trip("every_10_ms"), cpu("at_20000"), cpu("at_80_percent"), cpu("idle")])  # fmt: skip
    return table(head, rows, [number for number, one in enumerate(systems) if one["name"].startswith("warp")])


def gap(cut):
    return f"{cut['lost']}, {span(cut['longest_gap'], digits=1)}"


def cuts(systems, charts):
    shown = [one for one in systems if one.get("cut")]
    if not shown:
        return ""
    text = ["<h2>A link is cut in mid-stream</h2>",
            "<p>5,000 payloads a second of 1,400 bytes over two links; in the middle one dies. Deliveries in each 10 ms around that "
            "moment: 50 are due. What is below 50 is late and follows, unless it counts as lost.</p>"]  # fmt: skip
    grid = []
    one = shown[0]
    for how, title in CUTS.items():
        cut = one["cut"][how]
        at = cut["cut_at_ms"] or len(cut["arrivals"]) * cut["interval_ms"] / 2
        points = [[i * cut["interval_ms"] - at, count] for i, count in enumerate(cut["arrivals"][:-1])]
        points = [point for point in points if -300 <= point[0] <= 300]
        grid.append(figure(f"cut_{how}", {
            "kind": "lines", "series": [{"name": one["title"], "color": color_of(one), "points": points}], "xRange": [-300, 300],
            "yRange": [0, max(75, *(count for _, count in points))], "cuts": [] if how == "none" else [0], "height": 190,
            "yTicks": [[0, "0"], [25, "25"], [50, "50"], [75, "75"]], "xTicks": [[t, f"{t:+d}" if t else "0"] for t in range(-300, 301, 100)],
            "xLabel": "ms from the cut" if how != "none" else "ms from the middle of the run", "yLabel": "deliveries in 10 ms"}, charts,
            title, f"{html.escape(one['title'])}: {cut['lost']} of {cut['sent']:,} lost, longest gap in this run {cut['longest_gap_ms']:.1f} ms"))  # fmt: skip
    text.append(f"<div class=grid>{''.join(grid)}</div>")
    text.append(table(["lost in all runs, longest gap of a run in ms", *CUTS.values()],
                      [[html.escape(one["title"]), *(gap(one["cut"][how]) for how in CUTS)] for one in shown]))  # fmt: skip
    return "\n".join(text)
