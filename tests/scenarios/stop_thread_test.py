"""Tests stop_thread.py on a program whose threads count: stop_thread_test.py PROGRAM"""

import os
import platform
import subprocess
import sys
import unittest

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))


class StopThread(unittest.TestCase):
    """Each test has a program of its own."""

    def setUp(self):
        self.program = subprocess.Popen(
            [PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.start("one")
        self.start("two")
        self.await_counts(lambda counts: counts[0] > 0 and counts[1] > 0)

    def tearDown(self):
        self.program.stdin.close()
        for _ in self.program.stdout:
            pass
        self.assertEqual(self.program.wait(), 0)
        self.program.stdout.close()

    def start(self, name):
        self.program.stdin.write(name + "\n")
        self.program.stdin.flush()

    def await_counts(self, are_good):
        """Returns the first counts for which that is true."""
        for line in self.program.stdout:
            counts = [int(word) for word in line.split()]
            if are_good(counts):
                return counts
        self.fail("the program has ended")

    def stop(self, seconds, *targets, patience="10"):
        """Begins to stop threads."""
        command = [sys.executable, "-B", f"{HERE}/stop_thread.py", str(self.program.pid), str(seconds), *targets]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PATIENCE": patience})

    def test_stops_one_thread_and_no_other(self):
        stopper = self.stop(3600, "one:test_counted")
        with stopper.stdout:
            self.assertEqual(stopper.stdout.readline(), "armed\n")
            self.assertEqual(stopper.stdout.readline(), "one at test_counted\n")
            self.assertEqual(stopper.stdout.readline(), "stopped\n")
            # What the program had written before, it had written before both counts that follow.
            before = self.settle()
            later = self.await_counts(lambda counts: counts[1] >= before[1] + 50)
            self.assertEqual(later[0], before[0])
            # A thread that begins meanwhile comes by, too, and is not stopped.
            self.start("one")
            self.await_counts(lambda counts: counts[2] > 50)
            # The end of the tracer lets all go.
            stopper.terminate()
            stopper.wait()
        self.await_counts(lambda counts: counts[0] >= before[0] + 50)

    def settle(self):
        """Returns counts that stand still, after the older ones that lie in the pipe."""
        last = self.await_counts(lambda _: True)
        while True:
            counts = self.await_counts(lambda _: True)
            if counts[0] != last[0]:
                last = counts
            elif counts[1] >= last[1] + 100:
                return counts

    def test_lets_it_go_on_after_the_time(self):
        stopper = self.stop(0.2, "two:test_counted")
        with stopper.stdout:
            self.assertEqual(stopper.wait(), 0)
        counts = self.await_counts(lambda _: True)
        self.await_counts(lambda later: later[0] >= counts[0] + 200 and later[1] >= counts[1] + 200)

    def test_stops_several(self):
        stopper = self.stop(0.1, "two:test_counted", "one:test_counted")
        with stopper.stdout:
            told = stopper.stdout.read().splitlines()
        self.assertEqual(stopper.wait(), 0)
        self.assertEqual(sorted(told), ["armed", "one at test_counted", "stopped", "two at test_counted"])

    def test_says_who_did_not_come_by(self):
        stopper = self.stop(1, "nobody:test_counted", patience="0.2")
        with stopper.stdout:
            self.assertEqual(stopper.stdout.read(), "armed\nnot reached: nobody at test_counted\n")
        self.assertEqual(stopper.wait(), 3)
        counts = self.await_counts(lambda _: True)
        self.await_counts(lambda later: later[0] >= counts[0] + 50)

    def test_walks_from_point_to_point(self):
        stopper = self.stop(0.6, "two:test_counted*3")
        with stopper.stdout:
            told = stopper.stdout.read().splitlines()
        self.assertEqual(stopper.wait(), 0)
        self.assertEqual(told, ["armed", "two at test_counted", "stopped", "two at test_slept", "two at test_counted"])

    def test_ends_with_the_process(self):
        stopper = self.stop(3600, "two:test_counted")
        with stopper.stdout:
            while stopper.stdout.readline() != "stopped\n":
                pass
            self.program.stdin.close()  # so that it ends, which its parent is told only after the tracer
            self.assertEqual(self.program.wait(), 0)
            self.assertEqual(stopper.wait(), 0)

    def test_knows_its_points(self):
        told = subprocess.run(
            [sys.executable, "-B", f"{HERE}/stop_points.py", PROGRAM], capture_output=True, text=True, check=True
        )
        self.assertEqual(told.stdout.splitlines(), ["test_counted", "test_slept"])


if __name__ == "__main__":
    if platform.machine() != "x86_64":
        sys.exit(SKIPPED)
    PROGRAM = sys.argv.pop()
    unittest.main()
