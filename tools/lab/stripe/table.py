"""The table of tools/demo --mode stripe: what A knows of its links, and what became of the payloads of both tunnels."""

# Each table fits 80 columns.
LINKS = (("link", -6), ("state", -8), ("capacity", 9), ("in use", 7), ("waiting", 8), ("queue", 7), ("above", 7),
         ("loss", 6), ("resent", 7), ("copies", 7), ("parity", 7))  # fmt: skip
TUNNELS = (("tunnel", -7), ("mode", -9), ("goodput", 7), ("sent", 7), ("lost", 5), ("dropped", 8), ("late", 5),
           ("resent", 7), ("copies", 7), ("recovered", 10), ("extra", 7))  # fmt: skip
COUNTS = ("resent", "copies", "parity")  # what a link carried beside payloads
# How drops of a tunnel are told: what the sender does not get rid of it drops, so that TCP slows down.
DROPPED = ("queue_delay", "gate_full", "tx_full", "no_path")
LATE = ("deadline", "sequence_too_old")


def row(columns, cells):
    """Returns a line of a table. A negative width is that of a column that begins at the left."""
    aligned = (f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}" for (_, width), cell in zip(columns, cells))
    return (" " + "".join(aligned)).rstrip()


def header(columns):
    return row(columns, [name for name, _ in columns])


def short(count):
    """Returns a count in at most five characters: 12345, 123k, 1234k, 12M."""
    if count < 100_000:
        return str(count)
    return f"{count // 1000}k" if count < 10_000_000 else f"{count // 1_000_000}M"


def link_paths(status, links):
    """Returns, for each link, the path of A that leads over it; None while there is none. A link's port has paths to the
    addresses of the other links as well, which nothing reaches by it."""
    paths = [path for peer in status["peers"] for path in peer["paths"]]

    def leads_over(path, link):
        return path["port"] == link.port and path["endpoint"].startswith(link.far)

    return {link.name: next((path for path in paths if leads_over(path, link)), None) for link in links}


def link_rows(status, links):
    """Returns the lines of the links. The capacity has a question mark until the link was full once."""
    lines = [header(LINKS)]
    for name, path in link_paths(status, links).items():
        bond = path and path.get("bond")
        if not bond:
            lines.append(row(LINKS, [name, path["state"] if path else "gone"]))
            continue
        state = "suspect" if bond["suspect"] else path["state"]
        lines.append(row(LINKS, [
            name, state, f"{bond['capacity'] / 1e6:.1f}" + (" " if bond["known"] else "?"), f"{bond['in_use'] / 1e6:.1f}",
            f"{bond['waiting_ms']:.0f} ms", f"{bond['queue_ms']:.0f} ms", f"{bond['above_ms']:.0f} ms",
            f"{100 * bond['loss']:.1f}%", *(short(bond[count]) for count in COUNTS),
        ]))  # fmt: skip
    return lines


class Known:
    """What A has known of its links. A path that was lost, and found again, begins anew; this does not."""

    def __init__(self, links):
        self.links = links
        self.of = {link.name: {"capacity_mbit": None, **dict.fromkeys(COUNTS, 0)} for link in links}
        self.before = {}

    def take(self, status):
        """Takes in a status. Of each link the last capacity counts that was found out."""
        for name, path in link_paths(status, self.links).items():
            bond = (path and path.get("bond")) or {"known": False, **dict.fromkeys(COUNTS, 0)}
            if bond["known"]:
                self.of[name]["capacity_mbit"] = bond["capacity"] / 1e6
            for count in COUNTS:
                before = self.before.get((name, count), 0)
                self.of[name][count] += bond[count] - (before if bond[count] >= before else 0)
                self.before[name, count] = bond[count]


def tunnel_figures(at_sender, at_receiver):
    """Returns what became of a tunnel's payloads, from the tunnel's status at either end."""
    spread = at_sender["spread"] or {"bytes": 0, "extra_bytes": 0, "resent": 0, "copied": 0, "lost": 0}
    drops = [tunnel["drops"] for tunnel in (at_sender, at_receiver)]
    return {
        "mode": at_sender["mode"],
        "sent": at_sender["sent"],
        "lost": spread["lost"],
        "dropped": sum(drop.get(name, 0) for drop in drops for name in DROPPED),
        "late": sum(drop.get(name, 0) for drop in drops for name in LATE),
        "resent": spread["resent"],
        "copies": spread["copied"],
        "recovered": at_receiver["recovered"],
        "extra": spread["extra_bytes"] / max(spread["bytes"], 1),
    }


def tunnel_rows(status_a, status_b, goodput):
    """Returns the lines of the tunnels. `goodput` has that of each by its name, in Mbit/s."""
    lines = [header(TUNNELS)]
    receivers = {tunnel["name"]: tunnel for tunnel in status_b["tunnels"]}
    for tunnel in status_a["tunnels"]:
        figures = tunnel_figures(tunnel, receivers[tunnel["name"]])
        counts = [short(figures[name]) for name in ("sent", "lost", "dropped", "late", "resent", "copies", "recovered")]
        name = tunnel["name"]
        lines.append(row(TUNNELS, [name, figures["mode"], f"{goodput[name]:.1f}", *counts, f"{100 * figures['extra']:.1f}%"]))
    return lines
