"""
One play of everything that a hook of ours counts, in a network namespace of its own.

`unshare --net python scene.py` plays an act for each line on standard input and prints its book,
the truth: its own calls, `TCP_INFO`, and nftables' counter. Acts are told by the server's address.
"""

import json
import os
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

PORTS = 8000
NETWORK = "10.77.0"
ACTS = {"plain": 2, "background": 3, "lossy": 4, "child": 5, "old": 6}
REQUEST = b"GET /x HTTP/1.1\r\nHost: scene\r\n\r\n"
ANSWER = b"HTTP/1.1 %d Something\r\nContent-Length: 3\r\n\r\nabc"

RULES = f"""
table ip scene {{
    counter lost {{}}
    chain input {{
        type filter hook input priority 0;
        ip daddr {NETWORK}.{ACTS["lossy"]} tcp flags & psh == psh counter name lost drop
    }}
}}
"""


class Scene:
    """Connections by act, client and server in this process, and what they did."""

    def __init__(self) -> None:
        self.book: Counter[str] = Counter()
        self.open: dict[str, tuple[socket.socket, socket.socket]] = {}
        self.listening: list[socket.socket] = []

    def note(self, act: str, what: str, count: int = 1) -> None:
        self.book[f"{act} {what}"] += count

    def connect(self, act: str, *, is_blocking: bool = True) -> None:
        listener = socket.create_server((f"{NETWORK}.{ACTS[act]}", PORTS + ACTS[act]))
        self.listening.append(listener)
        client = socket.socket()
        client.setblocking(is_blocking)
        client.connect_ex(listener.getsockname())
        server, _ = listener.accept()
        client.setblocking(True)
        self.open[act] = client, server

    def opened(self, act: str) -> None:
        """It was opened while it was watched."""
        self.note(act, "client connect")
        self.note(act, "server connect")

    def say(self, act: str, data: bytes, *, by_client: bool) -> None:
        client, server = self.open[act]
        sender, receiver = (client, server) if by_client else (server, client)
        sender.send(data)
        assert data == receiver.recv(4096)
        for side, what in (("client", "write"), ("server", "read")):
            self.note(act, f"{side if by_client else _other(side)} {what}")

    def exchange(self, act: str, status: int = 200) -> None:
        self.say(act, REQUEST, by_client=True)
        self.say(act, ANSWER % status, by_client=False)
        for side in ("client", "server"):
            self.note(act, f"{side} request")
            self.note(act, f"{side} response {status}")

    def close(self, act: str) -> None:
        for side, end in zip(("client", "server"), self.open.pop(act), strict=True):
            end.close()
            self.note(act, f"{side} close")

    def prologue(self) -> None:
        """Before anybody watches: a connection that is used later."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for number in ACTS.values():
            address = f"{NETWORK}.{number}/32"
            subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
        self.connect("old")

    def play(self) -> None:
        """While it is watched."""
        self.connect("plain")
        self.opened("plain")
        for status in (200,) * 7 + (404,) * 2 + (503,):
            self.exchange("plain", status)
        self.connect("background", is_blocking=False)
        self.opened("background")
        self.exchange("background")
        self.say("old", b"\0\1\2", by_client=False)
        self.lose()
        self.fork()

    def lose(self) -> None:
        """A request that arrives at its third try."""
        self.connect("lossy")
        self.opened("lossy")
        subprocess.run(["nft", "-f", "-"], input=RULES.encode(), check=True)
        client, server = self.open["lossy"]
        client.send(REQUEST)
        while _retransmits(client) < 2:
            pass
        subprocess.run(["nft", "flush", "chain", "ip", "scene", "input"], check=True)
        drops = _drops()
        assert REQUEST == server.recv(4096)
        server.send(ANSWER % 200)
        assert ANSWER % 200 == client.recv(4096)
        for side in ("client", "server"):
            self.note("lossy", f"{side} write")
            self.note("lossy", f"{side} read")
            self.note("lossy", f"{side} request")
            self.note("lossy", f"{side} response 200")
            self.note("lossy", f"{side} drop", drops)
        self.note("lossy", "client retransmit", _retransmits(client))

    def fork(self) -> None:
        """A child's exchange is its parent's task, too."""
        if child := os.fork():
            os.waitpid(child, 0)
            for side in ("client", "server"):
                for what in ("connect", "read", "write", "request", "response 200", "close"):
                    self.note("child", f"{side} {what}")
            return
        self.connect("child")
        self.exchange("child")
        self.close("child")
        os._exit(0)

    def epilogue(self) -> None:
        """Every connection is closed."""
        for act in list(self.open):
            self.close(act)


def _other(side: str) -> str:
    return "server" if side == "client" else "client"


def _retransmits(end: socket.socket) -> int:
    info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("<I", info, 100)[0])


def _drops() -> int:
    command = ["nft", "-j", "list", "counter", "ip", "scene", "lost"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    (found,) = (each["counter"]["packets"] for each in answer["nftables"] if "counter" in each)
    return int(found)


if __name__ == "__main__":
    scene = Scene()
    acts: tuple[Callable[[], None], ...] = (scene.prologue, scene.play, scene.epilogue)
    for act, _ in zip(acts, sys.stdin, strict=False):
        act()
        print(json.dumps(scene.book), flush=True)
