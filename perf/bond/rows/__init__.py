"""The rows of `perf/aggregate`: what is tried, and the bars that it has to reach."""

from . import changing, connection, faults, live, parity, steady

ROWS = {**steady.ROWS, **connection.ROWS, **changing.ROWS, **faults.ROWS, **live.ROWS, **parity.ROWS}

# One of each kind, for a look of some minutes.
QUICK = ("udp97", "udp105", "tcp", "tcp_death", "halving", "death_ordered", "loss2", "adaptive_outages")
