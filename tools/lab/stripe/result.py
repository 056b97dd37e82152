"""What a run of tools/demo --mode stripe has shown: its figures, their text, and whether it is what was promised."""

from .table import tunnel_figures
from .timetable import carried

MOST_LOST = 0.001  # of the UDP stream's payloads
MOST_STILL_MS = 2000  # for which nothing of the TCP connection arrives


def link_figures(link, events, seconds, told, known):
    """Returns the figures of a link. What it could carry is the mean of its rates over the time of the run."""
    times = [0.0, *(event.at for event in events), seconds]
    could = sum(carried(link, events, since) * (until - since) for since, until in zip(times, times[1:])) / seconds
    return known | {
        "name": link.name,
        "rate_mbit": link.rate,
        "round_trip_ms": link.round_trip,
        "could_mbit": could,
        "carried_mbit": told["delivered_bytes"] * 8 / 1e6 / seconds,
        "queue_p99_ms": told["queue_ms"]["p99"],
        "queue_max_ms": told["queue_ms"]["max"],
        "drops": told["drops"],
    }


def result(links, events, seconds, told, known, flows, status_a, status_b):
    """Returns all figures of a run: `told` is what each link tells, `known` what A knew of them, and `flows` what became of
    the payloads of the tunnels `tcp` and `udp`."""
    receivers = {tunnel["name"]: tunnel for tunnel in status_b["tunnels"]}
    tunnels = {tunnel["name"]: tunnel_figures(tunnel, receivers[tunnel["name"]]) for tunnel in status_a["tunnels"]}
    return {
        "mode": "stripe",
        "seconds": seconds,
        "events": [{"at": event.at, "link": event.link, "rate_mbit": event.rate} for event in events],
        "links": [link_figures(link, events, seconds, told[link.name], known[link.name]) for link in links],
        "flows": {name: flow | {"tunnel": tunnels[name]} for name, flow in flows.items()},
    }


def text(figures):
    """Returns the lines that tell the result to people."""
    tcp, udp = figures["flows"]["tcp"], figures["flows"]["udp"]
    carried_sum, could = (sum(link[key] for link in figures["links"]) for key in ("carried_mbit", "could_mbit"))
    shares = ", ".join(f"{link['name']} {link['carried_mbit']:.1f} of {link['could_mbit']:.1f}" for link in figures["links"])
    return [
        f"  links             {carried_sum:.1f} of the {could:.1f} Mbit/s that they could carry",
        f"                    {shares}",
        f"  TCP               {tcp['goodput_mbit']:.1f} Mbit/s by one connection ({tcp['congestion']}); "
        f"longest gap {tcp['longest_standstill_ms']} ms",
        f"  UDP               {udp['goodput_mbit']:.1f} Mbit/s: sent {udp['sent']}, lost {udp['lost']}, "
        f"duplicates {udp['duplicates']}, out of order {udp['out_of_order']}",
        f"                    one way {udp['p50_ms']:.0f} ms (p50), {udp['p99_ms']:.0f} ms (p99), "
        f"{udp['max_ms']:.0f} ms at most",
    ]


def failings(figures):
    """Returns what is not as promised, in sentences."""
    tcp, udp = figures["flows"]["tcp"], figures["flows"]["udp"]
    found = []
    if udp["sent"] == 0 or udp["lost"] > MOST_LOST * udp["sent"]:
        found.append(f"{udp['lost']} of {udp['sent']} payloads of the UDP stream were lost")
    if udp["duplicates"]:
        found.append(f"{udp['duplicates']} payloads of the UDP stream came twice")
    if tcp["bytes"] == 0:
        found.append("nothing of the TCP connection arrived")
    elif tcp["longest_standstill_ms"] > MOST_STILL_MS:
        found.append(f"the TCP connection stood still for {tcp['longest_standstill_ms']} ms")
    idle = [link["name"] for link in figures["links"] if link["carried_mbit"] < 0.05 * link["could_mbit"]]
    if idle:
        found.append(f"links that carried next to nothing: {', '.join(idle)}")
    return found
