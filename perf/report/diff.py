"""Finds what got slower between two reports, and what only seems so.

Two figures differ if they are further apart than they scatter. For the cases of the engine, `spread` (the distance between
the quartiles, as a share of the median) says how they scatter. The system's figures have several runs, and differ only if no
run of one report lies among those of the other. A figure with a single run has no scatter of its own, and is trusted to a
fifth. Differences below 3 % never count.
"""

from dataclasses import dataclass

LEAST = 0.03
ALONE = 0.20  # a figure of one run is trusted to this share


@dataclass
class Change:
    """One figure that both reports have."""

    name: str
    unit: str
    before: float
    after: float
    better: str  # "higher" or "lower"
    noise: float  # the scatter, as a share of the figure
    apart: bool  # whether the figures are further apart than they scatter

    @property
    def worse(self):
        """Returns by what share of itself the figure got worse; negative means better. Rates are compared as time per item."""
        if self.better == "lower":
            return self.after / self.before - 1
        return self.before / self.after - 1 if self.after else float("inf")

    @property
    def verdict(self):
        if not self.apart or abs(self.worse) <= LEAST:
            return "same"
        return "slower" if self.worse > 0 else "faster"


def different_machines(a, b):
    """Returns why the two reports cannot be compared; empty if they can."""
    reasons = [f"{key}: {a['machine'].get(key)} and {b['machine'].get(key)}" for key in ("cpu", "cpus", "kernel")
               if a["machine"].get(key) != b["machine"].get(key)]  # fmt: skip
    if a.get("quick") != b.get("quick"):
        reasons.append("one is a quick run, the other is not")
    return reasons


def changes(a, b):
    """Returns every figure that both reports have."""
    return [*_engine(a.get("results", {}), b.get("results", {})),
            *_figures(_named(a.get("system", {})), _named(b.get("system", {})))]  # fmt: skip


def _engine(a, b):
    for name in sorted(a.keys() & b.keys()):
        key, unit, better = ("factor", "times", "higher") if "factor" in a[name] else ("ns_per_payload", "ns", "lower")
        if not (key in a[name] and key in b[name] and a[name][key]):
            continue
        before, after = a[name][key], b[name][key]
        noise = max(_spread(a[name]), _spread(b[name]))
        yield Change(name, unit, before, after, better, noise, abs(after - before) / before > noise)


def _spread(one):
    return one.get("spread", one.get("skewed", {}).get("spread", 0))


def _named(value, name="system"):
    """Returns the figures in a part of a report by their paths. Items of lists are named by their name or title."""
    if isinstance(value, dict):
        if "median" in value and "better" in value:
            return {name: value}
        items = [(key, item) for key, item in value.items() if key not in ("distribution", "arrivals")]
    elif isinstance(value, list):
        items = [(item.get("name", item.get("title", str(at))), item) for at, item in enumerate(value) if isinstance(item, dict)]
    else:
        return {}
    return {path: figure for key, item in items for path, figure in _named(item, f"{name}.{key}").items()}


def _figures(a, b):
    for name in sorted(a.keys() & b.keys()):
        one, other = a[name], b[name]
        if not one["median"]:
            continue
        alone = min(len(one["runs"]), len(other["runs"])) < 2
        difference = abs(other["median"] - one["median"]) / one["median"]
        overlap = one["min"] <= other["max"] and other["min"] <= one["max"]
        scatter = max((f["max"] - f["min"]) / f["median"] if f["median"] else 0 for f in (one, other))
        yield Change(name.removeprefix("system.systems.").removeprefix("system."), one["unit"], one["median"], other["median"],
                     one["better"], ALONE if alone else scatter, difference > ALONE if alone else not overlap)  # fmt: skip
