"""Writes the comparison as text: aligned columns for a terminal, or Markdown."""

WIRES = {"segmentation": "NIC cuts", "no_segmentation": "NIC does not"}


def table(head, rows, markdown):
    """Makes each column as wide as its widest cell. The first column is aligned to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    if markdown:
        lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, ["-" * width for width in widths], *rows]:
        lines.append("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip())
    return "\n".join(lines)


def spread(figure, scale=1, digits=0):
    """Returns '97 (92–101)': the median, and the extremes if there are several runs."""
    show = lambda value: f"{value / scale:,.{digits}f}"  # noqa: E731
    if len(figure["runs"]) < 2:
        return show(figure["median"])
    return f"{show(figure['median'])} ({show(figure['min'])}–{show(figure['max'])})"


def trip(result, way):
    trips = result["round_trip"][way]
    return f"{trips['p50']['median']:.0f} / {trips['p99']['median']:.0f}"


def rate(result, size):
    figure = result["loss_free"].get(size)
    return spread(figure, 1e3) if figure else "–"


def cpu(result, key, digits=1):
    return f"{result['cpu'][key]['median']:.{digits}f}" if result["cpu"] else "–"


def frame(result):
    return f"{result['largest_frame']:,}" if result["largest_frame"] else "–"


def gap(cut):
    return f"{cut['lost']}, {spread(cut['longest_gap'], digits=1)}"


def line(result):
    """Returns one system in one line, to be shown while the others are still measured."""
    return (f"    {rate(result, '1400')} / {rate(result, '200')} kpps, "
            f"RTT {trip(result, 'back_to_back')} us, every 10 ms {trip(result, 'every_10_ms')} us, "
            f"CPU {cpu(result, 'at_20000')} / {cpu(result, 'at_80_percent')} us, idle {cpu(result, 'idle')} %")  # fmt: skip


def tables(report, markdown=False):
    """Returns the tables of the whole report."""
    system, machine = report["system"], report["machine"]
    text = [f"{report['when']}, commit {report['commit']}, {machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}"
            + (", quick" if report["quick"] else ""),
            f"Load before: {system['load_before']}. All programs of both ends and the generator share the {machine['cpus']} CPUs."]  # fmt: skip
    if system["systems"]:
        text.append(table(
            ["system", "1400 B, kpps", "Gb/s", "200 B, kpps", "RTT p50/p99, us", "every 10 ms", "CPU/packet, us", "at 80 %", "idle, %"],
            [[one["title"], rate(one, "1400"), f"{one['loss_free']['1400']['median'] * 1400 * 8 / 1e9:.2f}",
              rate(one, "200"), trip(one, "back_to_back"), trip(one, "every_10_ms"),
              cpu(one, "at_20000"), cpu(one, "at_80_percent"), cpu(one, "idle")] for one in system["systems"]], markdown))  # fmt: skip
    wires = [one for one in system["systems"] if one.get("wires")]
    if wires:
        text.append("Links that pass no frame above their MTU (a router cuts): 1,400 B in kpps, CPU time of both ends for "
                    "a packet at 80 % of it in us, largest frame at the receiver. The table above is of a veth pair, which "
                    "passes frames of many segments whole.")  # fmt: skip
        text.append(table(
            ["system", *(f"{name}: {what}" for name in WIRES.values() for what in ("kpps", "CPU", "largest")), "veth: largest"],
            [[one["title"], *(cell for how in WIRES for cell in (rate(one["wires"][how], "1400"),
                                                                  cpu(one["wires"][how], "at_80_percent"),
                                                                  frame(one["wires"][how]))),
              frame(one)] for one in wires], markdown))  # fmt: skip
    cuts = [(one["title"], one["cut"]) for one in system["systems"] if one.get("cut")]
    if cuts:
        names = {"none": "no cut", "sender": "at the sender", "receiver": "at the receiver", "black_hole": "black hole"}
        text.append("One link dies in mid-stream, 5,000/s of 1,400 B: lost in all runs, longest gap of a run in ms")
        text.append(table(["system", *names.values()],
                          [[title, *(gap(cut[how]) for how in names)]
                           for title, cut in cuts], markdown))  # fmt: skip
    if system["tcp"]:
        text.append("TCP through wireguard-go")
        text.append(table(["way", "Mb/s"], [[one["title"], spread(one["throughput"])] for one in system["tcp"]], markdown))
    networks = system.get("networks")
    if networks:
        text.append("One TCP connection between the interfaces of the sites (iperf3), in Mb/s: with the kernel's offloads, and "
                    "with all of them off (TSO, GSO, GRO and USO, on the links and on the tunnels' interfaces); and where a "
                    "router cuts every frame to the MTU")  # fmt: skip
        text.append(table(["system", "offloads", "none", *(f"router, {what}" for what in WIRES.values())],
                          [[one["title"], spread(one["offloads"]), spread(one["no_offloads"]),
                            *(spread(one["wires"][how]) if one.get("wires") else "–" for how in WIRES)]
                           for one in networks], markdown))  # fmt: skip
    return "\n\n".join(text) + "\n"
