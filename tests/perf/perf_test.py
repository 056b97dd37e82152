"""Tests the perf scripts on figures that are made up: what is slower, what a page holds, and what the search finds.

perf_test.py SOURCE_ROOT [TEST…]
"""

import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(sys.argv.pop(1))
sys.path.insert(0, str(TOP / "perf"))

from report import compare_text, measures, page, systems  # noqa: E402


def report(seal=100.0, spread=0.02, factor=1.9, rates=(90e3, 100e3, 110e3), trips=(80.0, 90.0), cpu="A CPU", quick=False):
    """Returns a report with figures that are made up."""
    figure = measures.figure
    trip = {"p50": figure(trips, "us", "lower"), "p99": figure([2 * t for t in trips], "us", "lower"), "lost": 0, "count": 2,
            "distribution": [[80.0, 50], [90.0, 40], [500.0, 10]]}  # fmt: skip
    cut = measures.typical_cut([
        {"lost": 1, "duplicated": 0, "sent": 200, "longest_gap_ms": gap, "cut_at_ms": 20.0, "interval_ms": 10.0,
         "arrivals": [50, 50, 49, 51]} for gap in (9.5, 6.5, 5.5)])  # fmt: skip
    case = lambda ns: {"ns_per_payload": ns, "spread": spread, "bare_ns": ns / 1.2, "ratio": 1.2,  # noqa: E731
                       "stages": {"take": 5.0, "seal": ns - 5}}  # fmt: skip
    return {
        "kind": "warp-perf", "when": "then", "commit": "c0ffee", "quick": quick, "versions": {"DPDK": "22.11"},
        "machine": {"cpu": cpu, "cpus": 2, "kernel": "6.1", "memory_gib": 4, "virtual": "none"},
        "results": {"seal_replicate_1x1_1420": case(seal), "seal_replicate_1x1_64": case(30.0), "open_deliver_1420": case(90.0),
                    "two_core_scaling": {"factor": factor, "skewed": {"factor": factor, "spread": spread, "opened_twice": 0.1},
                                         "lockstep": {"factor": 1.6, "spread": 0.1, "opened_twice": 0.5}}},
        "system": {"load_before": 0.1, "tcp": [{"title": "wireguard-go alone", "throughput": figure([900.0], "Mb/s", "higher")}],
                   "networks": [{"name": "warp-tun-1", "title": "WARP, TUN", "links": 1,
                                 "offloads": figure([5678.0], "Mb/s", "higher"), "no_offloads": figure([1234.0], "Mb/s", "higher")}],
                   "systems": [{"name": "warp-2-af_packet", "title": "WARP </script>", "cipher": "AES-256-GCM", "links": 2, "copies": 2,
                                "switched": False, "loss_free": {"1400": figure(rates, "packets/s", "higher")},
                                "round_trip": {"back_to_back": trip, "every_10_ms": trip, "polling": trip},
                                "cpu": {key: figure([4.0, 5.0], "us", "lower") for key in ("idle", "at_20000", "at_80_percent")},
                                "cut": {how: cut for how in page.CUTS}}]},
    }  # fmt: skip


class DiffTest(unittest.TestCase):
    def diff(self, before, after, *arguments):
        """Runs perf/diff. Returns its exit status and what it printed."""
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("a.json", "b.json")]
            for file, its in zip(files, (before, after)):
                file.write_text(json.dumps(its))
            done = subprocess.run([sys.executable, "-B", TOP / "perf/diff", *arguments, *files], capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

    def test_the_same_is_the_same(self):
        status, text = self.diff(report(), report())
        self.assertEqual(status, 0, text)
        self.assertIn("0 slower, 0 faster", text)

    def test_what_got_slower_is_named_with_how_much(self):
        status, text = self.diff(report(seal=100), report(seal=110))
        self.assertEqual(status, 1)
        self.assertRegex(text, r"seal_replicate_1x1_1420 .* 100\.0 .* 110\.0 .*\+10\.0 % .* slower")
        self.assertIn("1 slower", text)

    def test_faster_is_no_fault(self):
        status, text = self.diff(report(seal=110), report(seal=100))
        self.assertEqual(status, 0)
        self.assertIn("1 faster", text)

    def test_noise_is_no_change(self):
        self.assertEqual(self.diff(report(seal=100, spread=0.15), report(seal=110, spread=0.01))[0], 0)

    def test_a_smaller_factor_and_a_smaller_rate_are_slower(self):
        self.assertEqual(self.diff(report(factor=1.9), report(factor=1.5))[0], 1)
        status, text = self.diff(report(), report(rates=(60e3, 65e3, 70e3)))
        self.assertEqual(status, 1)
        self.assertIn("warp-2-af_packet.loss_free.1400", text)

    def test_runs_that_lie_among_each_other_are_the_same(self):
        self.assertEqual(self.diff(report(), report(rates=(70e3, 75e3, 91e3)))[0], 0)

    def test_a_single_run_is_trusted_to_a_fifth(self):
        self.assertEqual(self.diff(report(rates=(100e3,)), report(rates=(85e3,)))[0], 0)
        self.assertEqual(self.diff(report(rates=(100e3,)), report(rates=(70e3,)))[0], 1)

    def test_another_machine_is_refused_unless_forced(self):
        status, text = self.diff(report(cpu="A"), report(cpu="B", seal=200))
        self.assertEqual(status, 2)
        self.assertIn("cpu: A and B", text)
        self.assertEqual(self.diff(report(cpu="A"), report(cpu="B", seal=200), "--force")[0], 1)
        self.assertEqual(self.diff(report(quick=True), report())[0], 2)

    def test_what_is_no_report_is_refused(self):
        self.assertEqual(self.diff([], report())[0], 2)


class PageTest(unittest.TestCase):
    def test_it_is_whole_and_needs_nothing_else(self):
        text = page.render(report())
        self.assertNotRegex(text, r"\{\{[A-Z]+\}\}")
        self.assertNotRegex(text, r"(src|href)=|@import|url\(")
        for line in ("commit c0ffee", "Linux 6.1", "DPDK 22.11"):
            self.assertIn(line, text)
        charts = json.loads(re.search(r"const CHARTS = (.*);", text).group(1))
        self.assertEqual(set(re.findall(r'data-chart="(\w+)"', text)), set(charts))
        for name in ("throughput", "stages", "latency", "rate1400", "cut_sender", "network_offloads", "network_no_offloads"):
            self.assertIn(name, charts)

    def test_names_cannot_end_the_script(self):
        self.assertEqual(page.render(report()).count("</script>"), 1)

    def test_either_half_is_enough(self):
        whole = report()
        for part in ("results", "system"):
            self.assertIn("</html>", page.render({key: value for key, value in whole.items() if key != part}))

    def test_a_cut_is_told_by_all_its_runs(self):
        self.assertIn("3, 6.5 (5.5–9.5)", compare_text.tables(report()))
        self.assertIn("3, 6.5 <span class=soft>5.5–9.5</span>", page.render(report()))

    def test_the_text_has_every_system(self):
        self.assertIn("WARP </script>", compare_text.tables(report()))
        self.assertIn("| WARP </script> |", compare_text.tables(report(), markdown=True))


class SearchTest(unittest.TestCase):
    class Bench(measures.Bench):
        """A system that carries a limited rate, behind a generator that sends at a limited rate."""

        def __init__(self, capacity, limit, hiccups=0):
            super().__init__(None, None, None, False)
            self.capacity, self.limit, self.hiccups = capacity, limit, hiccups

        def stream(self, rate, size, seconds):
            sent = min(rate or self.limit, self.limit) * seconds
            received = min(sent, self.capacity * seconds)
            if received == sent and self.hiccups:
                self.hiccups -= 1
                received -= 5
            return {"sent": sent, "received": received, "lost": sent - received, "seconds": seconds, "rate": sent / seconds}

    def test_it_finds_what_a_system_carries(self):
        for capacity in (2e3, 40e3, 97e3, 250e3):
            found = self.Bench(capacity, 300e3).search(1400, 1, 12)
            self.assertLessEqual(found, capacity)
            self.assertGreater(found, 0.95 * capacity)

    def test_it_never_finds_more_than_was_sent(self):
        found = self.Bench(500e3, 300e3).search(1400, 1, 12)
        self.assertAlmostEqual(found, 300e3, delta=10e3)

    def test_one_hiccup_is_forgiven(self):
        self.assertGreater(self.Bench(97e3, 300e3, hiccups=1).search(1400, 1, 12), 90e3)

    def test_a_median_keeps_its_runs(self):
        its = measures.figure([3, 1, 2], "us", "lower")
        self.assertEqual((its["median"], its["min"], its["max"]), (2, 1, 3))


class PackagesTest(unittest.TestCase):
    def test_every_program_of_a_peer_has_its_package(self):
        listed = systems.packages(TOP)
        for system in systems.all_systems(TOP / "build"):
            if system.name != "raw":
                self.assertLessEqual(set(system.needs), listed.keys(), system.name)


if __name__ == "__main__":
    unittest.main()
