"""The live part of tools/demo. It sends, cuts and restores links, and shows what every path does.

It runs inside the laboratory of tools/demo. The paths that it shows are those of site A, from each of the links wan0 and
wan1 to each of the three endpoints of site B. The application at A sends numbered payloads into A's gate, and the one at B
answers each. A payload counts as delivered when its answer is back.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time

from lab_status import read_status
from screen import Screen

LINKS = ("a0", "a1", "b0", "b1", "b2")


class Laboratory:
    """The links between the sites and M, by the names of M's ends."""

    def __init__(self):
        self.state = dict.fromkeys(LINKS, "up")
        self.cuts = 0

    def cut(self, link):
        subprocess.run(["ip", "-n", "M", "link", "set", link, "down"], check=True)
        self.state[link] = "cut"
        self.cuts += 1

    def black_hole(self, link):
        self._filter("add", link)
        self.state[link] = "black hole"
        self.cuts += 1

    def restore(self, link):
        if self.state[link] == "cut":
            subprocess.run(["ip", "-n", "M", "link", "set", link, "up"], check=True)
        elif self.state[link] == "black hole":
            self._filter("delete", link)
        self.state[link] = "up"

    def usable_paths(self):
        up = [link for link in LINKS if self.state[link] == "up"]
        return sum(link[0] == "a" for link in up) * sum(link[0] == "b" for link in up)

    @staticmethod
    def _filter(action, link):
        rule = f'{action} element inet lab dead {{ "{link}" }}'
        subprocess.run(["ip", "netns", "exec", "M", "nft", rule], check=True)


def plan(seconds):
    """Yields the steps: (seconds since the step before, verb, link). After a step that puts something back, the step `all`
    waits until every path carries payloads again."""
    if seconds < 12:  # too short for each link in turn, so links are cut in two groups
        step = (seconds - 3.5) / 5
        yield from ((0.5, "cut", "a0"), (step, "cut", "b0"), (step, "black_hole", "b1"))
        yield from ((step, "restore", link) for link in ("b1", "b0", "a0"))
        yield from ((0, "all", ""), (0.1, "cut", "a1"), (0, "cut", "b2"), (step, "restore", "b2"), (0, "restore", "a1"))
        yield (0, "all", "")
        return
    # Eight times a link needs about 0.7 s to be in use again. The cuts share the time that is left.
    dwell = (seconds - 2 - 8 * 0.7) / 10
    yield (1, "all", "")
    for link in LINKS:  # one after the other; b2 is a black hole, which no interface shows
        yield (0, "black_hole" if link == "b2" else "cut", link)
        yield (dwell, "restore", link)
        yield (0, "all", "")
    for link in ("a1", "b1", "b2"):  # until one path is left
        yield (dwell / 2, "cut", link)
    yield (2 * dwell, "restore", "b2")
    for link in ("b1", "a1"):
        yield (dwell / 2, "restore", link)
    yield (0, "all", "")


def table(status, laboratory, elapsed, seconds):
    """Returns the text that the screen shows of A's status."""
    links = "  ".join(f"{link} {state}" for link, state in laboratory.state.items())
    tunnel = status["tunnels"][0]
    lines = [
        f"{min(elapsed, seconds):5.1f} s   links: {links}",
        f"          payloads into A's gate {tunnel['from_app']}, answers out of it {tunnel['to_app']}",
        f"  {'path':<27}{'state':<11}{'RTT ms':>8}{'first':>8}{'duplicates':>12}   reason",
    ]
    for path in all_paths(status):
        rtt = path["rtt_ms"]
        name = f"{path['port']} - {path['endpoint']}"
        reason = "" if path["state"] == "active" else path.get("reason") or ""
        lines.append(
            f"  {name:<27}{path['state']:<11}{'-' if rtt is None else f'{rtt:.2f}':>8}"
            f"{100 * (path['first_share'] or 0):>7.1f}%{path['duplicates']:>12}   {reason}"
        )
    return lines


def all_paths(status):
    paths = [path for peer in status["peers"] for path in peer["paths"]]
    return sorted(paths, key=lambda path: (path["port"], path["endpoint"]))


class Demo:
    def __init__(self, options):
        self.options = options
        self.laboratory = Laboratory()
        self.screen = Screen()
        self.paths = self.fewest = len(all_paths(self.status()))  # read now, because later the map may withdraw what is down
        self.slowest_return = 0.0
        self.was_cut = set()

    def status(self, socket=None):
        """Returns what `warp status --json` prints. It is read several times a second, so no process is started for it."""
        return read_status(socket or self.options.socket_a)

    def arrivals(self):
        """Returns, for each path of either side, how many payloads and copies came by it; None while it is not active."""
        return {
            (socket, path["port"], path["endpoint"]):
                path["first"] + path["duplicates"] if path["state"] == "active" else None
            for socket in (self.options.socket_a, self.options.socket_b)
            for path in all_paths(self.status(socket))
        }

    def idle_paths(self, before):
        """Returns the paths that are not active, or have brought no more than probes since `before`. A path stays active for a
        while after it was cut, so only arrivals prove that it works."""
        enough = max(2, self.options.rate // 50)
        now = self.arrivals()
        return [path for path, count in now.items() if count is None or count < (before.get(path) or 0) + enough]

    def run(self):
        """Sends for the whole time and meanwhile follows the plan. Returns the gauge's result."""
        options = self.options
        output = os.path.join(options.directory, "demo.json")
        command = ["ip", "netns", "exec", "A", options.warp, "gauge", "tx", "--to", "127.0.0.1:9000", "--await-echo"]
        command += ["--rate", str(options.rate), "--size", str(options.size), "--seconds", str(options.seconds), "--json"]
        with open(output, "w") as file:
            gauge = subprocess.Popen(command, stdout=file)
        begin = time.monotonic()
        steps = plan(options.seconds)
        due, verb, link = next_step(steps, 0.0)
        waiting_since, before, restored = None, {}, None
        while gauge.poll() is None:
            elapsed = time.monotonic() - begin
            if verb == "all":
                if waiting_since is None:
                    waiting_since, before = elapsed, self.arrivals()
                idle = self.idle_paths(before) if elapsed >= due else [()]
                if not idle or elapsed - waiting_since > 5:
                    if restored is not None:
                        took = time.monotonic() - begin - restored
                        self.slowest_return = max(self.slowest_return, took)
                        outcome = f"does not carry yet: {idle}" if idle else "every path carries again"
                        self.screen.event(f"{restored + took:5.1f} s   {outcome}, after {took:.1f} s")
                    waiting_since = None
                    due, verb, link = next_step(steps, elapsed)
            elif verb and elapsed >= due and elapsed < options.seconds:
                getattr(self.laboratory, verb)(link)
                usable = self.laboratory.usable_paths()
                self.fewest = min(self.fewest, usable)
                if verb == "restore":
                    restored = elapsed
                else:
                    self.was_cut.add(link)
                self.screen.event(f"{elapsed:5.1f} s   {verb.replace('_', ' ')} {link}: {usable} of 6 paths can work")
                due, verb, link = next_step(steps, elapsed)
            if due > elapsed + 0.05 or verb in ("", "all"):
                self.screen.draw(elapsed, table(self.status(), self.laboratory, elapsed, options.seconds))
                time.sleep(0.05)
            else:
                time.sleep(max(0.0, min(0.05, due - elapsed)))
        if gauge.returncode != 0:
            sys.exit(f"tools/demo: the application ended with status {gauge.returncode}")
        return json.loads(open(output).read().strip().splitlines()[-1])


def next_step(steps, elapsed):
    wait, verb, link = next(steps, (float("inf"), "", ""))
    return elapsed + wait, verb, link


def main():
    parser = argparse.ArgumentParser()
    for name in ("--warp", "--socket-a", "--socket-b", "--directory"):
        parser.add_argument(name, required=True)
    for name in ("--seconds", "--rate", "--size"):
        parser.add_argument(name, required=True, type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the laboratory's owner ends us

    demo = Demo(options)
    gauge = demo.run()
    result = {
        "sent": gauge["sent"],
        "delivered": gauge["received"],
        "lost": gauge["lost"],
        "duplicates": gauge["duplicated"],
        "longest_gap_ms": gauge["longest_gap_ms"],
        "cuts": demo.laboratory.cuts,
        "links_cut": sorted(demo.was_cut),
        "paths": demo.paths,
        "fewest_paths": demo.fewest,
        "slowest_return_ms": round(1000 * demo.slowest_return),
        "seconds": options.seconds,
        "rate": options.rate,
        "size": options.size,
    }
    print()
    print(f"  sent              {result['sent']}")
    print(f"  delivered         {result['delivered']}   (there, and answered back)")
    print(f"  lost              {result['lost']}")
    print(f"  duplicates seen   {result['duplicates']}   (by the application)")
    print(f"  longest gap       {result['longest_gap_ms']} ms")
    print(f"  slowest return    {result['slowest_return_ms']} ms   (from putting a link back until all its paths carry)")
    height = f"at the height {demo.fewest} of {demo.paths} paths up"
    print(f"  cuts              {result['cuts']}, of {len(demo.was_cut)} links; {height}")
    if options.json:
        print(json.dumps(result))
    good = result["sent"] > 0 and result["lost"] == 0 and result["duplicates"] == 0
    if not good:
        print("tools/demo: payloads were lost or seen twice", file=sys.stderr)
    elif len(demo.was_cut) < len(LINKS):
        print("tools/demo: not every link was cut: too short, or a link did not come back", file=sys.stderr)
        good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
