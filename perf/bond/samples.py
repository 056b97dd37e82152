"""What both daemons say of their paths while a row is measured, many times a second."""

import threading
import time

# Of each path: what its `bond` says, and beside it.
BOND = ("capacity", "in_use", "queue_ms", "above_ms", "waiting_ms", "loss")
BYTES = ("tx_bytes", "rx_bytes")


def path_of_link(status, link):
    """The path over link number `link`: of port l0 to 10.0.0.x, and so on. None where there is none."""
    for peer in status["peers"]:
        for path in peer["paths"]:
            if path["port"] == f"l{link}" and path["endpoint"].startswith(f"10.0.{link}."):
                return path
    return None


class Samples:
    """The series of one site, as columns: `t`, and for each link the fields above. What was not known is None."""

    def __init__(self, links):
        self.t = []
        self.links = [{name: [] for name in (*BOND, *BYTES)} for _ in range(links)]

    def add(self, at, status):
        self.t.append(round(at, 4))
        for number, columns in enumerate(self.links):
            path = path_of_link(status, number) or {}
            bond = path.get("bond") or {}
            for name in BOND:
                value = bond.get(name)
                columns[name].append(round(value, 5) if isinstance(value, float) else value)
            for name in BYTES:
                columns[name].append(path.get(name))

    def series(self, link, name, scale=1.0):
        """(time, value) where it was known."""
        return [(at, value * scale) for at, value in zip(self.t, self.links[link][name]) if value is not None]

    def rate(self, link, name, first, last):
        """Mbit/s between two moments, from a column of bytes."""
        inside = [(at, value) for at, value in self.series(link, name) if first <= at <= last]
        if len(inside) < 2:
            return 0.0
        return (inside[-1][1] - inside[0][1]) * 8 / 1e6 / (inside[-1][0] - inside[0][0])

    def told(self):
        return {"t": self.t, "links": self.links}


class Sampler:
    """Asks both sites each `interval` seconds, on a thread of its own, from start() to stop()."""

    def __init__(self, ask, now, links, interval):
        self.ask, self.now, self.interval = ask, now, interval
        self.of = {site: Samples(links) for site in "AB"}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.of

    def _run(self):
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            for site, samples in self.of.items():
                try:
                    status = self.ask(site)
                except (OSError, ValueError):
                    continue  # a daemon that is busy has a gap in its series
                samples.add(self.now(), status)
            due = max(due + self.interval, time.monotonic())
