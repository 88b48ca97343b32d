"""
A cable that takes its time: forwards every frame between two devices, each held a while.

`python -m exact.hop LEFT RIGHT MILLISECONDS` in a namespace of its own; says `ready` and runs until
it is ended.  Frames come from packet sockets; the held ones wait in order of their release.
"""

import heapq
import select
import socket
import sys
import time
from itertools import count

EVERYTHING = 0x0003
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23


def tap(device: str) -> socket.socket:
    """All frames that arrive on a device, and a way to send some."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    end.bind((device, 0))
    return end


def forward(left: socket.socket, right: socket.socket, hold_s: float) -> None:
    """Hold and release, for ever."""
    held: list[tuple[float, int, socket.socket, bytes]] = []
    order = count()
    other = {left: right, right: left}
    while True:
        wait_s = max(0.0, held[0][0] - time.monotonic()) if held else None
        for end in select.select([left, right], [], [], wait_s)[0]:
            due_s = time.monotonic() + hold_s
            heapq.heappush(held, (due_s, next(order), other[end], end.recv(65536)))
        while held and held[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(held)
            end.send(frame)


def main() -> None:
    left, right, hold_ms = sys.argv[1:]
    ends = tap(left), tap(right)
    print("ready", flush=True)
    forward(*ends, float(hold_ms) / 1000)


if __name__ == "__main__":
    main()
