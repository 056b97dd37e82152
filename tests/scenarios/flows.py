"""A server that tells its clients apart by their addresses, and clients that share a gate.

server PORT                             answers each payload; ends with status 1 when an address is another client's
clients ADDRESS:PORT N SECONDS RATE     N clients, each at RATE payloads a second; prints one line of JSON
"""
import json
import select
import socket
import sys
import time


def server(port):
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("127.0.0.1", int(port)))
    owners = {}  # by address: the client that was heard there first
    while True:
        payload, address = door.recvfrom(65536)
        client = payload.split(b":")[0]
        if owners.setdefault(address, client) != client:
            print(f"{address} was {owners[address]} and is {client}", flush=True)
            sys.exit(1)
        door.sendto(b"to " + payload, address)


def clients(gate, count, seconds, rate):
    host, port = gate.split(":")
    sockets = []
    poll = select.poll()
    for _ in range(int(count)):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.connect((host, int(port)))
        one.setblocking(False)
        poll.register(one, select.POLLIN)
        sockets.append(one)
    by_fd = {one.fileno(): number for number, one in enumerate(sockets)}
    sent, answered, crossed = [0] * len(sockets), [0] * len(sockets), 0
    begin, step = time.monotonic(), 1 / (float(rate) * len(sockets))
    end = begin + float(seconds)
    turn = 0
    while True:
        now = time.monotonic()
        if now > end + 2:
            break
        if now < end and now >= begin + turn * step:
            number = turn % len(sockets)
            sockets[number].send(b"%d:%d:%s" % (number, sent[number], b"x" * (number * 200)))
            sent[number] += 1
            turn += 1
            continue
        for fd, _ in poll.poll(max(0, (begin + turn * step - now) * 1000) if now < end else 100):
            try:
                payload = sockets[by_fd[fd]].recv(65536)
            except OSError:  # the gate is not there at the moment
                continue
            if payload.startswith(b"to %d:" % by_fd[fd]):
                answered[by_fd[fd]] += 1
            else:
                crossed += 1
    print(json.dumps({"sent": sum(sent), "lost": sum(sent) - sum(answered), "crossed": crossed,
                      "least": min(answered)}))


{"server": server, "clients": clients}[sys.argv[1]](*sys.argv[2:])
