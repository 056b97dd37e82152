"""Tests what perf/aggregate makes of series that are made up. No test measures.

aggregate_test.py SOURCE_ROOT [TEST…]
"""

import json
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

TOP = Path(sys.argv.pop(1))
sys.path.insert(0, str(TOP / "perf"))

from bond import page, settling, traces  # noqa: E402
from bond.links import AROUND, Link, payloads_a_second, sum_of  # noqa: E402
from bond.measure import arrived  # noqa: E402
from bond.peers import PEERS  # noqa: E402
from bond.row import extra, holds, mark, missed  # noqa: E402
from bond.rows import QUICK, ROWS  # noqa: E402
from bond.rows.connection import death_figures  # noqa: E402
from bond.rows.parity import residual  # noqa: E402
from bond.samples import Samples  # noqa: E402


def each(step, until, value):
    """[(t, value(t)), …] each `step` seconds."""
    return [(i * step, value(i * step)) for i in range(int(until / step))]


class SettlingTest(unittest.TestCase):
    RATES = [(0, 20), (10, 10), (20, 20)]

    def steps(self, served, capacity, began=5, until=30):
        return settling.steps(each(0.02, until, served), each(0.02, until, capacity), self.RATES, began, until)

    def test_who_knows_the_rate_at_once_has_settled_at_once(self):
        rate = lambda t: 10 if 10 <= t < 20 else 20  # noqa: E731
        fall, rise = self.steps(rate, rate)
        self.assertEqual((fall["from"], fall["to"], rise["from"], rise["to"]), (20, 10, 10, 20))
        for step in (fall, rise):
            self.assertLessEqual(step["within_s"], 0.061)
            self.assertLessEqual(step["settled_s"], 0.061)

    def test_a_fall_counts_by_what_the_sender_believes(self):
        # The link serves 10 at once; the sender goes below that for half a second, to let the queue drain.
        def capacity(t):
            return 20 if t < 10.3 else 7 if t < 10.8 else 10

        (fall, _) = self.steps(lambda t: 10, capacity)
        self.assertAlmostEqual(fall["within_s"], 0.3, delta=0.03)
        self.assertAlmostEqual(fall["settled_s"], 0.8, delta=0.03)

    def test_a_rise_counts_by_what_is_served(self):
        (_, rise) = self.steps(lambda t: 10 if t < 20.5 else 20, lambda t: 20)
        self.assertAlmostEqual(rise["within_s"], 0.54, delta=0.03)

    def test_who_never_gets_there_takes_until_the_next_step(self):
        (fall, _) = self.steps(lambda t: 20, lambda t: 20)
        self.assertAlmostEqual(fall["within_s"], 10, delta=0.05)
        self.assertGreater(fall["settled_s"], 9.5)

    def test_a_moment_of_the_machine_is_no_change_but_a_longer_one_is(self):
        rate = lambda t: 10 if 10 <= t < 20 else 20  # noqa: E731
        (fall, _) = self.steps(rate, lambda t: 4 if 15 <= t < 15.07 else rate(t))
        self.assertLess(fall["settled_s"], 0.1)
        (fall, _) = self.steps(rate, lambda t: 4 if 15 <= t < 15.3 else rate(t))
        self.assertAlmostEqual(fall["settled_s"], 5.3, delta=0.1)

    def test_only_steps_of_the_measurement_count(self):
        rate = lambda t: 20  # noqa: E731
        self.assertEqual(len(self.steps(rate, rate, began=11, until=21)), 0)
        self.assertEqual(len(self.steps(rate, rate, began=9, until=15)), 1)


class LinksTest(unittest.TestCase):
    def test_steps_and_traces_carry_their_mean(self):
        steps = Link([(0, 20), (10, 10), (20, 20)], 60)
        self.assertAlmostEqual(steps.carries(0, 20), 15)
        self.assertAlmostEqual(steps.carries(10, 20), 10)
        trace = Link(traces.fading_rates(20, 1, 60, 7), 100, trace=True)
        self.assertAlmostEqual(trace.carries(0, traces.SECONDS), 20 * 1514 / 1500)
        self.assertAlmostEqual(sum_of([Link(50, 20), steps], 0, 20), 65)
        self.assertAlmostEqual(payloads_a_second([Link(8, 20)], 1000), 1e6 / (1000 + AROUND))

    def test_a_link_is_told_its_trace(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trace"
            self.assertIn(f"trace={file}", Link([12.0] * 100, 100, trace=True).arguments(file)[1])
            # 12 Mbit/s is one packet of 1,500 bytes each millisecond, and the last line ends the second.
            self.assertEqual(file.read_text().split(), [str(i) for i in range(1001)])
            self.assertIn("rate=20Mbit@0s,10Mbit@5s", Link([(0, 20), (5, 10)], 20).arguments(file)[1])

    def test_fading_rates_fade_and_keep_their_mean(self):
        rates = traces.fading_rates(20, 1, 60, 7)
        self.assertEqual(rates, traces.fading_rates(20, 1, 60, 7))
        self.assertNotEqual(rates, traces.fading_rates(20, 1, 60, 8))
        self.assertAlmostEqual(sum(rates) / len(rates), 20)
        self.assertLess(min(rates), 3)
        moments = traces.opportunities(rates)
        self.assertEqual(moments, sorted(moments))
        self.assertEqual(moments[-1], traces.SECONDS * 1000)
        self.assertAlmostEqual(len(moments) * 1500 * 8 / traces.SECONDS / 1e6, 20, delta=0.01)
        self.assertAlmostEqual(traces.carried(rates, traces.SECONDS, traces.SECONDS + 10), traces.carried(rates, 0, 10))


class FiguresTest(unittest.TestCase):
    def test_a_row_holds_where_every_bar_is_reached(self):
        bars = {"goodput": (">=", 0.97), "p99_ms": ("<=", 40)}
        self.assertTrue(holds({"goodput": 0.97, "p99_ms": 40, "other": 1}, bars))
        self.assertFalse(holds({"goodput": 0.96, "p99_ms": 40}, bars))
        self.assertFalse(holds({"goodput": 0.98, "p99_ms": 41}, bars))
        self.assertFalse(holds({"goodput": 0.98}, bars))
        self.assertFalse(holds({"goodput": 0.98, "p99_ms": None}, bars))

    def test_late_is_missed(self):
        result = {"delays": [[20, 90], [150, 5], [151, 3]], "lost": 2, "sent": 100}
        self.assertAlmostEqual(missed(result, 150), 0.05)

    def test_extra_is_what_left_beyond_one_copy(self):
        status = lambda count: {"peers": [{"paths": [{"tx_bytes": count}, {"tx_bytes": 0}]}]}  # noqa: E731
        self.assertAlmostEqual(extra({"before": status(9), "after": status(9 + 1500 * 110), "sent": 100}, 1500 - AROUND), 0.1)

    def test_what_comes_after_the_end_does_not_count(self):
        self.assertAlmostEqual(arrived([100] * 10 + [50], 1.0), 1000)
        self.assertAlmostEqual(arrived([100, 100, 100], 0.35), 1000)

    def test_a_death_is_told_by_what_arrived_meanwhile(self):
        def arrives(t):
            return 0 if 22 <= t < 22.95 else 20 if 22 <= t < 33 else 70

        r = {"began": 8, "links": [{"zero": 0.0}], "intervals": each(0.1, 40, arrives)}
        figures = death_figures(r, limit=70, limit_dead=25)
        self.assertAlmostEqual(figures["dead_share"], 0.8)
        self.assertAlmostEqual(figures["standstill_s"], 1.0, delta=0.11)
        self.assertAlmostEqual(figures["after_share"], 1.0)

    def test_what_came_before_the_measurement_was_not_measured(self):
        result = {"began": 10.0, "links": [{"zero": -0.1}]}
        self.assertEqual(mark(result, 16, 26), [15.9, 25.9])
        self.assertEqual(result["marks"], [15.9, 25.9])
        with self.assertRaisesRegex(RuntimeError, "too slow"):
            mark(result | {"began": 15.5}, 16, 26)

    def test_samples_are_columns_of_the_path_over_each_link(self):
        path = lambda port, endpoint, capacity, rx: {  # noqa: E731
            "port": port, "endpoint": endpoint, "rx_bytes": rx, "tx_bytes": 0, "bond": capacity and {"capacity": capacity}}  # fmt: skip
        samples = Samples(2)
        samples.add(1.0, {"peers": [{"paths": [path("l0", "10.0.1.2:1", 9, 9), path("l0", "10.0.0.2:1", 5e6, 1000)]}]})
        samples.add(2.0, {"peers": [{"paths": [path("l1", "10.0.1.2:1", None, 7), path("l0", "10.0.0.2:1", 6e6, 126000)]}]})
        self.assertEqual(samples.series(0, "capacity", 1e-6), [(1.0, 5.0), (2.0, 6.0)])
        self.assertEqual(samples.series(1, "capacity"), [])
        self.assertAlmostEqual(samples.rate(0, "rx_bytes", 0, 3), 1.0)
        self.assertEqual(samples.rate(1, "rx_bytes", 0, 3), 0.0)


class ParityTest(unittest.TestCase):
    def test_a_payload_stays_lost_where_another_of_its_block_is(self):
        self.assertAlmostEqual(residual(0.01, 4), 0.000394, places=6)
        self.assertAlmostEqual(residual(0.05, 4), 0.009275, places=6)
        self.assertEqual(residual(0, 4), 0)


class RowsTest(unittest.TestCase):
    def test_every_bar_compares_and_every_chosen_row_exists(self):
        for name, row in ROWS.items():
            self.assertTrue(row.bars, name)
            for how, bar in row.bars.values():
                self.assertIn(how, (">=", "<="), name)
                self.assertIsInstance(bar, (int, float), name)
        self.assertLessEqual(set(QUICK), ROWS.keys())
        self.assertLessEqual(PEERS.keys(), ROWS.keys())

    def test_every_peer_has_a_colour_and_what_its_row_needs(self):
        for row, peers in PEERS.items():
            for name, peer in peers.items():
                self.assertIn(name, page.PEERS)
                self.assertTrue(callable(getattr(peer, row)))

    def test_a_peer_says_why_it_cannot_be_measured(self):
        with unittest.mock.patch("shutil.which", return_value=None):
            self.assertIn("iperf3 is not installed", PEERS["tcp"]["link0_alone"].reason())
        with unittest.mock.patch("shutil.which", return_value="/usr/bin/there"), tempfile.NamedTemporaryFile("w") as file:
            file.write("reno cubic\n")
            file.flush()
            with unittest.mock.patch("bond.peers.CONTROL", Path(file.name)), unittest.mock.patch("bond.peers.ENABLED", Path(file.name)):
                self.assertEqual(PEERS["tcp"]["mptcp_cubic"].reason(), "")
                self.assertEqual(PEERS["tcp"]["mptcp_bbr"].reason(), "this kernel has no congestion control bbr")
            with unittest.mock.patch("bond.peers.ENABLED", Path("/nowhere")):
                self.assertEqual(PEERS["tcp"]["mptcp_bbr"].reason(), "this kernel has no MPTCP")

    def test_every_row_is_described(self):
        text = (TOP / "perf/README.md").read_text()
        for name in ROWS:
            self.assertTrue(f"`{name}`" in text, name)


def told(tcp=False):
    """What a run tells, made up."""
    line = lambda t: {"t": t, "up": {"out_mbit": 20.0, "peak_ms": 5.0 + t, "queue_ms": 5.0}}  # noqa: E731
    links = [{"log": [line(t / 10 + offset) for t in range(1, 300)]} for offset in (0, 0.03, -0.05)]  # each has its own begin
    samples = {"t": [9.0, 11.0, 12.0, 21.0], "links": [{"capacity": [1e6, 2e6, None, 3e6]}, {"capacity": [None] * 4}]}
    return {"began": 10.0, "until": 20.0, "samples": {"A": samples}, "links": links, "delays": [[10, 900], [50, 99], [90, 1]]} | (
        {"intervals": each(0.1, 20, lambda t: 70)} if tcp else {})  # fmt: skip


def report():
    """A report of one row that holds, one that misses, and peers of which one cannot run."""
    bars = lambda figure, bar: {figure: bar}  # noqa: E731
    runs = [{"figures": {"share": share}, "told": told(True)} for share in (0.9, 0.98, 0.99)]
    peer = {"row": "tcp", "id": "link0_alone", "what": "one link", "value": {"share": 0.66}, "reason": "", "failed": 0, "runs": runs[:1]}
    return {
        "kind": "warp-aggregate", "when": "then", "commit": "c0ffee", "quick": False, "versions": {"iperf3": "3.12"},
        "machine": {"cpu": "A CPU", "cpus": 2, "kernel": "6.1", "memory_gib": 4, "virtual": "none"},
        "rows": [
            {"id": "tcp", "what": "one </script>", "value": {"share": 0.98}, "bar": bars("share", ">= 0.97"), "holds": True, "failed": 0, "runs": runs},
            {"id": "udp97", "what": "UDP", "value": {"p99_ms": 120.5}, "bar": bars("p99_ms", "<= 100"), "holds": False, "failed": 1,
             "runs": [{"figures": {"p99_ms": 120.5}, "told": told()}]},
            {"id": "udp93", "what": "UDP", "value": {}, "bar": bars("p99_ms", "<= 80"), "holds": False, "failed": 3, "runs": []}],
        "peers": [peer, peer | {"id": "mptcp_bbr", "what": "MPTCP", "value": {}, "reason": "this kernel has no MPTCP", "runs": []}],
    }  # fmt: skip


class PageTest(unittest.TestCase):
    def test_it_is_whole_and_needs_nothing_else(self):
        text = page.render(report())
        self.assertNotRegex(text, r"\{\{[A-Z]+\}\}")
        self.assertNotRegex(text, r"(src|href)=|@import|url\(")
        self.assertEqual(text.count("</script>"), 1)
        charts = json.loads(re.search(r"const CHARTS = (.*);", text).group(1))
        self.assertEqual(set(re.findall(r'data-chart="(\w+)"', text)), set(charts))
        self.assertLessEqual({"tcp_rate", "tcp_queue", "tcp_delay", "tcp_goodput", "udp97_rate", "udp97_delay"}, charts.keys())
        self.assertNotIn("udp97_goodput", charts)
        self.assertEqual(charts["tcp_capacity"]["series"], [{"name": "link 0", "color": "warp", "points": [[1.0, 2.0]]}])
        self.assertTrue(charts["tcp_rate"]["stacked"])
        moments = [[at for at, _ in line["points"]] for line in charts["tcp_rate"]["series"]]
        self.assertEqual(moments, [moments[0]] * 3)
        self.assertEqual([line["name"] for line in charts["tcp_goodput"]["series"]], ["WARP", "link0_alone"])

    def test_values_stand_beside_their_bars(self):
        text = page.render(report())
        self.assertIn("<td>share</td><td>0.98</td><td><span class=soft>0.9–0.99</span></td><td>≥ 0.97</td><td class=holds>holds</td>", text)
        self.assertIn("<td>p99_ms</td><td>120</td><td></td><td>≤ 100</td><td class=misses>MISSES</td>", text)
        self.assertIn("<td>p99_ms</td><td>–</td><td></td><td>≤ 80</td><td class=misses>MISSES</td>", text)
        self.assertIn("<b>1 of 3</b> rows hold", text)
        self.assertIn("Runs without a result: 3.", text)

    def test_a_peer_that_cannot_run_says_why(self):
        self.assertIn("<td>MPTCP</td><td>this kernel has no MPTCP</td>", page.render(report()))

    def test_only_the_measurement_is_drawn(self):
        (first, *_) = page.in_time(told(), "out_mbit")
        self.assertAlmostEqual(first[0][0], 0.0)
        self.assertAlmostEqual(first[-1][0], 10.0)

    def test_thinning_keeps_means_and_peaks(self):
        points = [(i, 9.0 if i == 500 else 1.0) for i in range(1000)]
        self.assertLessEqual(len(page.thinned(points)), page.POINTS)
        self.assertEqual(max(y for _, y in page.peaks(points)), 9.0)
        self.assertAlmostEqual(sum(y for _, y in page.thinned(points)) / len(page.thinned(points)), 1.008)

    def test_series_are_stacked_at_the_same_moments(self):
        stacked = page.stackable([[[1, 5.0], [2, 5.0], [4, 5.0]], [[0, 0.0], [3, 3.0]]])
        self.assertEqual(stacked, [[[1, 5.0], [2, 5.0], [4, 5.0]], [[1, 1.0], [2, 2.0], [4, 3.0]]])
        self.assertEqual(page.stackable([[[1, 5.0]], []]), [[[1, 5.0]], [[1, 0.0]]])

    def test_a_distribution_ends_with_all_payloads(self):
        points = page.distribution([[50, 99], [10, 900], [90, 1]])
        self.assertEqual(points[0], [10, 0])
        self.assertIn([10, 0.9], points)
        self.assertIn([50, 0.995], points)
        self.assertEqual(points[-1], [90, 1])

    def test_a_page_is_drawn_of_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "a.json", Path(folder) / "a.html"
            source.write_text(json.dumps(report()))
            done = subprocess.run([sys.executable, "-B", TOP / "perf/aggregate", "--from", source, "--html", target],
                                  capture_output=True, text=True)  # fmt: skip
            self.assertEqual(done.stderr, "")
            self.assertIn("</html>", target.read_text())

    def test_an_unknown_row_is_refused(self):
        done = subprocess.run([sys.executable, "-B", TOP / "perf/aggregate", "--rows", "tpc"], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no such row: tpc; there are udp97,", done.stderr)


if __name__ == "__main__":
    unittest.main()
