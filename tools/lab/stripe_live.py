"""The live part of tools/demo --mode stripe. It sends over unequal links that slow down and die, and shows what each does.

It runs inside the laboratory of tools/demo, where both nodes and the receiver of the TCP connection run already. The links
begin anew here, so that their clocks and the timetable do.
"""

import argparse
import sys
import time

import live
import screen
from lab_status import read_status
from stripe import plot, result, table
from stripe.flows import TcpConnection, UdpStream
from stripe.links import Links
from stripe.picture import picture
from stripe.timetable import timetable

SHOWN_EVERY = 0.25  # s
LATELY = 1.0  # s, over which the goodput that is shown is counted


class Goodput:
    """What the two applications got lately."""

    def __init__(self, size):
        self.size = size
        self.delivered = []  # (s, payloads of the UDP stream so far), lately

    def of(self, now, status_b, tcp):
        count = next(tunnel["to_app"] for tunnel in status_b["tunnels"] if tunnel["name"] == "udp")
        self.delivered = [sample for sample in self.delivered if sample[0] >= now - LATELY] + [(now, count)]
        since, before = self.delivered[0]
        udp = (count - before) * self.size * 8 / 1e6 / max(now - since, 0.1)
        lately = [rate for at, rate in tcp if at >= now - LATELY]
        return {"tcp": sum(lately) / max(len(lately), 1), "udp": udp}


class StripeDemo(live.Demo):
    def __init__(self, options):
        super().__init__(options, timetable(options.link, options.seconds))
        self.goodput = Goodput(options.size)
        self.known = table.Known(options.link)

    def text(self, figures):
        return result.text(figures)

    def failings(self, figures):
        return result.failings(figures)

    def save(self):
        if not self.options.svg:
            return
        with self.options.svg as file:
            file.write(picture(self.links.rates, self.both(), self.options.link, self.events, self.options.seconds))

    def statuses(self):
        return read_status(self.options.socket_a), read_status(self.options.socket_b)

    def show(self, elapsed):
        """Draws the tables, and the plot in what is left of a terminal's rows."""
        a, b = self.statuses()
        self.links.read()
        self.known.take(a)
        goodput = self.goodput.of(elapsed, b, self.tcp.read())
        elapsed = min(elapsed, self.options.seconds)
        tables = [f"{elapsed:5.1f} of {self.options.seconds} s   (rates in Mbit/s)"]
        tables += table.link_rows(a, self.options.link) + table.tunnel_rows(a, b, goodput)
        columns, rows = screen.size()
        left = rows - len(tables) - len(self.events) - 5  # the axis has two rows, and three are empty
        drawing = self.plot(columns, plot.heights(left, len(self.options.link))) if self.screen.tty else []
        self.screen.draw(elapsed, tables + drawing, [self.line(elapsed, a, goodput)])

    def line(self, elapsed, status_a, goodput):
        """Returns the line for where there is no terminal."""
        rates = {name: samples[-1][1] if samples else 0.0 for name, samples in self.links.rates.items()}
        carried = "  ".join(f"{name} {rate:4.1f}" for name, rate in rates.items())
        lost = sum((tunnel["spread"] or {}).get("lost", 0) for tunnel in status_a["tunnels"] if tunnel["name"] == "udp")
        applications = f"TCP {goodput['tcp']:4.1f}  UDP {goodput['udp']:3.1f}, lost {lost}"
        return f"{elapsed:5.1f} s   {carried}  sum {sum(rates.values()):4.1f}   {applications}"

    def run(self):
        """Sends for the whole time while the links follow the timetable. Returns the result."""
        options = self.options
        udp = UdpStream(options.warp, options.rate, options.size)
        self.tcp = TcpConnection(options.tcp_log)
        self.links = Links(options.warp, options.link, self.events, options.directory)
        for flow in (udp, self.tcp):
            flow.begin(options.seconds - self.links.now())
        due = list(enumerate(self.events, 1))
        while not (udp.ended() and self.tcp.ended()):
            while due and self.links.now() >= due[0][1].at:
                number, event = due.pop(0)
                self.screen.event(f"{event.at:5.1f} s   ({number}) {event.text}")
            if self.links.now() < options.seconds:
                self.show(self.links.now())
            time.sleep(max(0.02, min(SHOWN_EVERY, (due[0][1].at if due else options.seconds) - self.links.now())))
        flows = {"tcp": self.tcp.end(), "udp": udp.end()}
        a, b = self.statuses()
        told = self.links.stop()
        return result.result(options.link, self.events, options.seconds, told, self.known.of, flows, a, b)

    def both(self):
        """Returns the goodput of both applications together. The UDP stream's is even."""
        return [(at, rate + self.options.rate * self.options.size * 8 / 1e6) for at, rate in self.tcp.read()]


def main():
    parser = live.options("--socket-b", "--tcp-log")
    for name in ("--rate", "--size"):
        parser.add_argument(name, required=True, type=int)
    parser.add_argument("--svg", type=argparse.FileType("w", encoding="utf-8"), metavar="FILE")
    return live.main(StripeDemo(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
