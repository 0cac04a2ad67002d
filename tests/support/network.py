"""Hosts on a network whose faults are set on command, made of network namespaces and TUN devices.

Every host is a namespace with one interface. What it sends comes here as IP packets, and from here they go to the
host that has the destination's address: late, out of order, or not at all, as that host and the sender's are told.
It needs root and /dev/net/tun, and nothing of the kernel's traffic control.

A line of JSON on stdin is a command, a line on stdout its answer:

    {"do": "host", "name": "a", "address": "10.77.0.2"}     makes a host; the answer has its namespace
    {"do": "move", "name": "a", "address": "10.77.0.9"}     gives a host another address, and takes the old one away
    {"do": "set", "name": "a", "in": FAULT, "out": FAULT}   what happens to what the host gets and sends

FAULT is {"loss": share, "delay": ms, "jitter": ms, "reorder": share}: jitter is added to the delay or taken from it,
and what is reordered is not delayed. When stdin ends, so do the hosts.
"""

import fcntl
import heapq
import ipaddress
import json
import os
import random
import selectors
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MTU = 1500
# What waits to be delivered. A router drops what it has no room for, and so does this one.
MOST_WAITING = 10_000


class Host:
    def __init__(self, name, address):
        self.namespace = f"mr{os.getpid()}{name}"
        self.device = self.namespace[-15:]
        self.address = address
        self.faults = {"in": {}, "out": {}}
        self.counts = {"delivered": 0, "dropped": 0}
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH", self.device.encode(), IFF_TUN | IFF_NO_PI))
        ip("netns", "add", self.namespace)
        ip("link", "set", self.device, "netns", self.namespace)
        # Before the interface is up, so that it announces itself to nobody.
        self.inside("sysctl", "-qw", f"net.ipv6.conf.{self.device}.disable_ipv6=1")
        self.own("link", "set", "lo", "up")
        self.own("address", "add", f"{address}/24", "dev", self.device)
        self.own("link", "set", self.device, "up")
        # Browsers take the address from which they would reach the Internet.
        self.own("route", "add", "default", "dev", self.device)

    def own(self, *args):
        ip("-n", self.namespace, *args)

    def inside(self, *args):
        ip("netns", "exec", self.namespace, *args)

    def move(self, address):
        old, self.address = self.address, address
        # In this order, since the kernel takes later addresses of a network away with the first.
        self.own("address", "del", f"{old}/24", "dev", self.device)
        self.own("address", "add", f"{address}/24", "dev", self.device)
        self.own("route", "replace", "default", "dev", self.device)

    def end(self):
        os.close(self.tun)
        ip("netns", "delete", self.namespace)


def ip(*args):
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(args)}: {done.stderr.strip()}")


class Network:
    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.hosts = {}
        self.waiting = []
        self.count = 0
        self.selector = selectors.DefaultSelector()

    def command(self, asked):
        name = asked["name"]
        match asked["do"]:
            case "host":
                host = self.hosts[name] = Host(name, asked["address"])
                self.selector.register(host.tun, selectors.EVENT_READ, host)
                return {"namespace": host.namespace}
            case "move":
                self.hosts[name].move(asked["address"])
                return {}
            case "set":
                host = self.hosts[name]
                for way in ("in", "out"):
                    host.faults[way] = asked.get(way) or {}
                return host.counts
            case other:
                raise ValueError(f"there is no command {other}")

    def read(self, host):
        # A bounded number of packets, so that one host cannot keep the others waiting.
        for _ in range(64):
            try:
                packet = os.read(host.tun, MTU)
            except BlockingIOError:
                return
            self.route(host, packet)

    def route(self, sender, packet):
        if len(packet) < 20 or packet[0] >> 4 != 4:
            return
        address = str(ipaddress.IPv4Address(packet[16:20]))
        receiver = next((host for host in self.hosts.values() if host.address == address), None)
        if receiver is None:
            return
        delay = 0
        for host, fault in ((sender, sender.faults["out"]), (receiver, receiver.faults["in"])):
            if self.chance.random() < fault.get("loss", 0):
                host.counts["dropped"] += 1
                return
            if self.chance.random() >= fault.get("reorder", 0):
                jitter = fault.get("jitter", 0)
                delay += max(0, fault.get("delay", 0) + self.chance.uniform(-jitter, jitter))
        if len(self.waiting) >= MOST_WAITING:
            receiver.counts["dropped"] += 1
            return
        self.count += 1
        heapq.heappush(self.waiting, (time.monotonic() + delay / 1000, self.count, receiver, packet))

    def deliver(self):
        """Delivers what is due, and answers how long nothing else is."""
        while self.waiting:
            rest = self.waiting[0][0] - time.monotonic()
            if rest > 0:
                return rest
            _, _, receiver, packet = heapq.heappop(self.waiting)
            try:
                os.write(receiver.tun, packet)
                receiver.counts["delivered"] += 1
            except OSError:
                receiver.counts["dropped"] += 1
        return None

    def run(self):
        commands = sys.stdin.buffer
        self.selector.register(commands, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select(self.deliver()):
                if key.data:
                    self.read(key.data)
                    continue
                line = commands.raw.readline()
                if not line:
                    return
                try:
                    answer = self.command(json.loads(line))
                except Exception as error:  # The caller is told, and decides.
                    answer = {"error": str(error)}
                print(json.dumps(answer), flush=True)

    def end(self):
        for host in self.hosts.values():
            host.end()


if __name__ == "__main__":
    # As at the end of stdin: namespaces do not end with who made them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    network = Network(seed=int(sys.argv[1]))
    try:
        network.run()
    finally:
        network.end()
