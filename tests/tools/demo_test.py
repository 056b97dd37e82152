"""Tests what tools/demo --mode stripe shows, on figures that are made up: demo_test.py SOURCE"""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from unittest import mock

SOURCE = pathlib.Path(sys.argv.pop(1))
sys.path.insert(0, str(SOURCE / "tools/lab"))

import screen  # noqa: E402
from stripe import flows, picture, plot, result, table, timetable  # noqa: E402
from stripe.tail import Tail  # noqa: E402

LINKS = [timetable.Link("fibre", "a0", 50, 20), timetable.Link("LTE", "a1", 20, 60), timetable.Link("DSL", "a2", 5, 120)]
EVENTS = timetable.timetable(LINKS, 40)


def rates(seconds=40.0, share=1.0):
    """Returns what the links log if they carry such a share of what they can, until so many seconds."""
    return {link.name: [((i + 1) / 10, share * timetable.carried(link, EVENTS, i / 10)) for i in range(round(10 * seconds))]
            for link in LINKS}  # fmt: skip


def path(port="wan0", state="active", **bond):
    known = {"capacity": 48_900_000, "known": True, "in_use": 47_100_000, "queue_ms": 1.6, "above_ms": 0.0, "waiting_ms": 3.2,
             "loss": 0.004, "resent": 12, "copies": 3, "parity": 4, "suspect": False}  # fmt: skip
    return {"port": port, "endpoint": f"10.2.{port[3:]}.2:13116", "state": state, "bond": known | bond}


def tunnel(name, **more):
    spread = {"bytes": 1_000_000, "extra_bytes": 5_000, "resent": 7, "copied": 2, "lost": 1}
    return {"name": name, "mode": "stripe", "sent": 1000, "spread": spread, "drops": {}, "to_app": 999, "recovered": 0} | more


def status(paths=(), tunnels=()):
    return {"peers": [{"paths": list(paths)}], "tunnels": list(tunnels)}


class TimetableTest(unittest.TestCase):
    def test_each_link_carries_what_the_last_event_said(self):
        fibre, lte, dsl = LINKS
        self.assertEqual([timetable.carried(lte, EVENTS, at) for at in (0, 9.9, 10, 15.9, 16, 40)], [20, 20, 10, 10, 20, 20])
        self.assertEqual([timetable.carried(fibre, EVENTS, at) for at in (0, 21.9, 22, 29.9, 30)], [50, 50, 0, 0, 50])
        self.assertEqual({timetable.carried(dsl, EVENTS, at) for at in range(40)}, {5})

    def test_the_links_keep_to_it_by_their_properties(self):
        fibre, lte, dsl = (timetable.properties(link, EVENTS) for link in LINKS)
        self.assertEqual(fibre, "delay=10ms,buffer=400ms,rate=50Mbit@0s,down=22.000s-30.000s")
        self.assertEqual(lte, "delay=30ms,buffer=400ms,rate=20Mbit@0s,10Mbit@10.000s,20Mbit@16.000s")
        self.assertEqual(dsl, "delay=60ms,buffer=400ms,rate=5Mbit@0s")

    def test_a_link_is_read_as_the_demo_writes_it(self):
        self.assertEqual(timetable.Link.parse("LTE:a1:20:60"), LINKS[1])
        self.assertEqual(LINKS[1].port, "wan1")


class PlotTest(unittest.TestCase):
    def lines(self, seconds=40.0, share=1.0, columns=80, heights=(2, 3), colour=False):
        scales = {link.name: link.rate for link in LINKS}
        return plot.plot(rates(seconds, share), scales, 40, EVENTS, columns, heights, colour)

    def test_means_of_equal_times(self):
        samples = [(0.1, 1.0), (0.2, 3.0), (0.3, 8.0), (0.4, 6.0)]
        self.assertEqual(plot.resampled(samples, 0.8, 4), [2.0, 7.0, None, None])

    def test_more_columns_than_samples_repeat_them(self):
        self.assertEqual(plot.resampled([(0.1, 1.0), (0.2, 3.0)], 0.2, 4), [0.0, 1.0, 1.0, 3.0])

    def test_a_band_is_as_high_as_the_rate(self):
        self.assertEqual(plot.band([0, 4, 8, 12, 16, 99, None], 16, 2), ["   ▄██ ", " ▄████ "])

    def test_the_sum_reaches_as_far_as_all_links(self):
        self.assertEqual(plot.total([[(0.1, 1), (0.2, 2)], [(0.1, 10)]]), [(0.1, 11)])

    def test_every_line_has_the_columns_that_there_are(self):
        for columns in (80, 100, 133):
            for line in self.lines(columns=columns)[:-1]:
                self.assertLessEqual(len(line), columns, line)
                self.assertIn(line[columns - plot.VALUE - 1], "│┘", line)

    def test_a_dead_link_shows_nothing_and_the_sum_the_rest(self):
        lines = self.lines()
        width = 80 - plot.NAME - plot.VALUE - 3
        at = plot.NAME + 2 + int(26 / 40 * width)  # while the first link is dead
        self.assertEqual([line[at] for line in lines[:2]], [" ", " "])
        self.assertEqual([line[at] for line in lines[2:4]][1], "█")
        self.assertEqual([line[at] for line in lines[6:9]][:2], [" ", " "])
        self.assertNotEqual(lines[8][at], " ")

    def test_events_stand_at_their_times_and_the_rates_of_now_at_the_end(self):
        lines = self.lines(seconds=12)
        line = lines[-2][plot.NAME + 2 :]
        width = 80 - plot.NAME - plot.VALUE - 3
        self.assertEqual([line.index(str(i)) for i in (1, 2, 3, 4)], [int(event.at / 40 * width) for event in EVENTS])
        self.assertTrue(lines[1].endswith(" 50.0"))
        self.assertTrue(lines[3].endswith(" 10.0"), "the LTE link is slow at 12 s")
        self.assertTrue(lines[-3].endswith(" 65.0"))

    def test_nothing_has_come_yet(self):
        self.assertEqual(len(self.lines(seconds=0)), 11)

    def test_colours_only_where_they_are_wanted(self):
        self.assertNotIn("\x1b", "".join(self.lines()))
        self.assertEqual([screen.ESCAPE.sub("", line) for line in self.lines(colour=True)], self.lines())

    def test_bands_fit_the_rows_that_are_left(self):
        for rows in range(4, 30):
            link, both = plot.heights(rows, 3)
            self.assertLessEqual(3 * link + both, rows)
        self.assertEqual(plot.heights(-5, 3), (1, 1))


class TableTest(unittest.TestCase):
    def test_links_with_what_is_known_of_them(self):
        paths = [path(), path("wan1", capacity=3_000_000, known=False), path("wan2", suspect=True)]
        lines = table.link_rows(status(paths), LINKS)
        self.assertEqual(lines[1].split(), "fibre active 48.9 47.1 3 ms 2 ms 0 ms 0.4% 12 3 4".split())
        self.assertEqual(lines[2].split()[:3], ["LTE", "active", "3.0?"])
        self.assertEqual(lines[3].split()[:2], ["DSL", "suspect"])
        self.assertEqual(lines[1].index("48.9"), lines[3].index("48.9"))
        self.assertEqual(lines[2].index(".0?"), lines[1].index(".9"), "points stand below each other")

    def test_a_path_to_another_link_s_address_is_not_the_link_s(self):
        other = path(state="candidate", capacity=0) | {"endpoint": "10.2.1.2:13116"}
        for paths in ([path(), other], [other, path()]):
            self.assertEqual(table.link_rows(status(paths), LINKS)[1].split()[1:3], ["active", "48.9"])

    def test_a_link_without_a_path(self):
        lines = table.link_rows(status([path("wan1", "lost") | {"bond": None}]), LINKS)
        self.assertEqual([line.split() for line in lines[1:]], [["fibre", "gone"], ["LTE", "lost"], ["DSL", "gone"]])

    def test_tunnels_with_the_drops_of_both_ends(self):
        sender = tunnel("tcp", drops={"queue_delay": 5, "deadline": 1, "too_large": 9})
        receiver = tunnel("tcp", recovered=8, drops={"sequence_too_old": 2, "gate_full": 1})
        lines = table.tunnel_rows(status(tunnels=[sender]), status(tunnels=[receiver]), {"tcp": 61.25})
        self.assertEqual(lines[1].split(), "tcp stripe 61.2 1000 1 6 3 7 2 8 0.5%".split())

    def test_a_tunnel_that_does_not_spread(self):
        lines = table.tunnel_rows(status(tunnels=[tunnel("udp", spread=None)]), status(tunnels=[tunnel("udp")]), {"udp": 1})
        self.assertEqual(lines[1].split()[-3:], ["0", "0", "0.0%"])

    def test_a_path_that_begins_anew_keeps_what_it_has_done(self):
        known = table.Known(LINKS[:1])
        for one in (path(resent=5), path(resent=8), path(resent=1, known=False), path() | {"bond": None}, path(resent=2)):
            known.take(status([one]))
        self.assertEqual(known.of, {"fibre": {"capacity_mbit": 48.9, "resent": 8 + 1 + 2, "copies": 3 + 3, "parity": 4 + 4}})

    def test_everything_fits_80_columns(self):
        paths = [path(capacity=999_900_000, known=False, in_use=999_900_000, waiting_ms=1000, queue_ms=1000,
                      above_ms=1000, loss=1, resent=9_999_999, copies=9_999_999, parity=99_999_999)]  # fmt: skip
        spread = {"bytes": 1, "extra_bytes": 1, "resent": 9_999_999, "copied": 9_999_999, "lost": 9_999}
        many = tunnel("tcp", mode="replicate", sent=99_999_999, spread=spread, recovered=9_999_999)
        large = status(paths, [many])
        self.assertEqual(table.tunnel_rows(large, large, {"tcp": 999.9})[1].split(),
                         "tcp replicate 999.9 99M 9999 0 0 9999k 9999k 9999k 100.0%".split())  # fmt: skip
        for line in table.link_rows(large, LINKS) + table.tunnel_rows(large, large, {"tcp": 999.9}):
            self.assertLessEqual(len(line), 80, line)


class FlowTest(unittest.TestCase):
    def test_a_connection_stands_still_as_long_as_nothing_arrives(self):
        seen = [(0.1, 0), (0.5, 1000), (0.6, 1000), (1.4, 1000), (1.5, 5000), (2.0, 10_000)]
        self.assertEqual(flows.progress(seen, 2.0), {"bytes": 10_000, "goodput_mbit": 0.04, "longest_standstill_ms": 900})

    def test_the_end_counts_too(self):
        self.assertEqual(flows.progress([(0.1, 1000)], 4.0)["longest_standstill_ms"], 3900)
        self.assertEqual(flows.progress([], 4.0)["longest_standstill_ms"], 4000)

    def test_a_line_counts_when_it_is_complete(self):
        with tempfile.TemporaryDirectory() as folder:
            log = Tail(f"{folder}/log")
            self.assertEqual(log.read(), [])
            written = (('tcp: ready\n{"a": 1}\n{"a"', [{"a": 1}]), (": 2", []), ('}\n{"a": 3}\n', [{"a": 2}, {"a": 3}]))
            with open(log.path, "w") as file:
                for text, expected in written:
                    file.write(text)
                    file.flush()
                    self.assertEqual(log.read(), expected)


class ResultTest(unittest.TestCase):
    def figures(self, bytes_each=20_000_000, udp=(), tcp=()):
        told = {"delivered_bytes": bytes_each, "queue_ms": {"p99": 5, "max": 9}, "drops": {}}
        its_udp = {"sent": 10_000, "lost": 0, "duplicates": 0, "out_of_order": 0, "goodput_mbit": 4,
                   "p50_ms": 1, "p99_ms": 2, "max_ms": 3}  # fmt: skip
        its_tcp = {"bytes": 10**8, "goodput_mbit": 50, "longest_standstill_ms": 150, "congestion": "cubic"}
        both = status([path()], [tunnel("udp"), tunnel("tcp")])
        return result.result(LINKS, EVENTS, 40, {link.name: told for link in LINKS}, table.Known(LINKS).of,
                             {"tcp": its_tcp | dict(tcp), "udp": its_udp | dict(udp)}, both, both)  # fmt: skip

    def test_what_the_links_could_carry(self):
        fibre, lte, dsl = self.figures()["links"]
        self.assertAlmostEqual(fibre["could_mbit"], 50 * 32 / 40)
        self.assertAlmostEqual(lte["could_mbit"], 20 - 10 * 6 / 40)
        self.assertAlmostEqual(dsl["could_mbit"], 5)
        self.assertAlmostEqual(dsl["carried_mbit"], 4)

    def test_as_promised(self):
        self.assertEqual(result.failings(self.figures()), [])
        self.assertEqual(result.failings(self.figures(udp={"lost": 10})), [])
        self.assertIn("lost 10,", "\n".join(result.text(self.figures(udp={"lost": 10}))))

    def test_each_failing_is_said(self):
        for what, figures in {"11 of 10000 payloads": self.figures(udp={"lost": 11}), "0 of 0": self.figures(udp={"sent": 0}),
                              "1 payloads of the UDP stream came twice": self.figures(udp={"duplicates": 1}),
                              "nothing of the TCP": self.figures(tcp={"bytes": 0}),
                              "stood still for 2001 ms": self.figures(tcp={"longest_standstill_ms": 2001}),
                              "next to nothing: fibre, LTE": self.figures(4_000_000)}.items():  # fmt: skip
            self.assertEqual(len(found := result.failings(figures)), 1, what)
            self.assertIn(what, found[0])


class PictureTest(unittest.TestCase):
    def draw(self, seconds=40.0):
        got = plot.total(rates(seconds).values())
        return xml.fromstring(picture.picture(rates(seconds), got, LINKS, EVENTS, 40))

    def test_each_link_stands_on_those_before_it(self):
        areas = [[tuple(map(float, point.split(","))) for point in area.get("points").split()]
                 for area in self.draw().iter("{http://www.w3.org/2000/svg}polygon")]  # fmt: skip
        self.assertEqual(len(areas), 3)
        count = len(areas[0]) // 2
        for below, above in zip(areas, areas[1:]):
            self.assertEqual(below[:count], above[count:][::-1])
        frame = picture.Frame(40, 80)
        self.assertEqual(areas[2][int(count * 12 / 40)][1], frame.y(65))
        self.assertEqual(areas[2][int(count * 26 / 40)][1], frame.y(25))
        self.assertEqual(areas[2][-1][1], frame.y(70))

    def test_links_and_events_are_named(self):
        words = [element.text for element in self.draw().iter("{http://www.w3.org/2000/svg}text")]
        for word in ("fibre", "LTE", "DSL", "LTE slows down", "fibre dies", "fibre is back", "40 s", "80"):
            self.assertIn(word, words)

    def test_a_run_that_ended_early(self):
        self.draw(0.5)


class ScreenTest(unittest.TestCase):
    def test_a_line_is_cut_where_the_terminal_ends(self):
        self.assertEqual(screen.cut("\x1b[36mabc\x1b[0m", 3), "\x1b[36mabc\x1b[0m")
        self.assertEqual(screen.cut("\x1b[36mabcd\x1b[0m", 3), "abc")

    def test_a_terminal_is_drawn_over_and_never_scrolls(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        with mock.patch.dict("os.environ", COLUMNS="10", LINES="4"), contextlib.redirect_stdout(Terminal()) as out:
            one = screen.Screen()
            for _ in range(2):
                one.draw(0, ["a line that is too long", "b", "c", "d"], ["plain"])
        drawn = "\x1b[Ka line tha\n\x1b[Kb\n\x1b[Kc\n\x1b[J"
        self.assertEqual(out.getvalue(), f"{drawn}\x1b[3F{drawn}")

    def test_without_a_terminal_lines_are_repeated_now_and_then(self):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            one = screen.Screen()
            for elapsed in (0, 1, 2.5):
                one.draw(elapsed, [f"table at {elapsed}"], [f"plain at {elapsed}"])
            one.event("an event")
        self.assertEqual(out.getvalue(), "plain at 0\nplain at 2.5\nan event\n")


if __name__ == "__main__":
    unittest.main()
