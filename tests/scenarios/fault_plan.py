"""Tells what a seed of the fault laboratory does: fault_plan.py WARPD SEED STEPS|all

Writes one step a line: the kind of thread, the stop point (or `anywhere`; `*8` where it walks on from there), the
number of the link that is hurt meanwhile, and how. `all` comes by every point that this seed's drivers have. fault_plan.py WARPD points writes every
pair of a kind of thread and a point.
"""

import random
import sys

import stop_points

# Whose thread comes by a point, by the first word of its name.
THREADS = {
    "table": ["worker"],
    "worker": ["worker"],
    "burst": ["worker"],
    "bell": ["worker", "control"],
    "publish": ["control"],
    "port": ["control"],
    "control": ["control"],
    "device": ["device"],
    "helper": ["resolver"],
    "dns": ["dns"],
}
OF_AF_XDP = ("device_attaching", "device_attached", "device_detached", "device_plugging", "device_unplugging")
OF_AF_PACKET = ("device_binding",)
HARMS = ["deleted", "renamed", "readdressed", "resized", "another_mac", "down", "cut", "flapping"]
REOPENING = ["deleted", "renamed", "another_mac"]  # The device is closed, and opened again.
OF_HOME = ("burst_claimed", "burst_taken", "burst_spread")  # Link 0's worker is the home for even seeds.
# The worker goes to sleep step by step: arms its bell, takes the table for a last look and lets go of it, copies what
# it watches, says that it sleeps, and goes offline.
WALK = ("worker", "bell_armed*16")
MANY_TABLES = ("publish_barrier",)  # Where a worker stands still, and many tables are published.


def kinds_of(point):
    """Returns the kinds of threads that come by."""
    return THREADS[point.split("_", maxsplit=1)[0]]


def af_xdp_links(seed):
    """Returns which of the links 0, 1 and 2 have the driver af_xdp."""
    return [1] if seed % 2 == 0 else [0, 2]


def step(chance, seed, kind, point):
    """Returns the step that stops such a thread there."""
    links = [1, 2]
    if point in OF_AF_XDP:
        links = [link for link in links if link in af_xdp_links(seed)]
    if point in OF_AF_PACKET:
        links = [link for link in links if link not in af_xdp_links(seed)]
    harms = REOPENING if kind == "device" or point.startswith("port_") else HARMS
    harm = "flapping" if point in MANY_TABLES else chance.choice(harms)
    return f"{kind} {point} {chance.choice(links)} {harm}"


def main():
    """Writes the plan."""
    points = sorted(stop_points.stop_points(sys.argv[1]))
    if not points:
        raise SystemExit("this warpd has no stop points: install systemtap-sdt-dev and build it anew")
    pairs = [(kind, point) for point in points for kind in kinds_of(point)]
    if sys.argv[2] == "points":
        print("\n".join(f"{kind} {point}" for kind, point in pairs))
        return
    seed = int(sys.argv[2])
    chance = random.Random(seed)
    deck = [pair for pair in pairs if seed % 2 == 1 or pair[1] not in OF_HOME] + [("worker", "anywhere")]
    chance.shuffle(deck)
    if sys.argv[3] != "all":
        # Each seed has something of the sleep protocol and of the drivers, and the walk.
        first = [next(each for each in deck if each[1].startswith(("worker_", "table_")))]
        first += [next(each for each in deck if each[0] == "device"), WALK]
        deck = (first + [each for each in deck if each not in first])[: int(sys.argv[3])]
        chance.shuffle(deck)
    else:
        deck += [WALK] * 4
    for kind, point in deck:
        print(step(chance, seed, kind, point))


if __name__ == "__main__":
    main()
