"""
The shop's customers: a steady, mixed load with trace context.

`python -m podwire.demo.shop.client JSON` with the keys gateway, ledger, rate, seconds and workers;
seconds 0 is until SIGTERM. Every request is answered before its connection is closed.
"""

import json
import secrets
import signal
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from types import FrameType
from typing import Any

from podwire.demo.shop.book import Book
from podwire.demo.shop.line import Line, dial
from podwire.demo.shop.message import ask, request

ERRANDS: tuple[tuple[str, str, int], ...] = (
    ("GET", "/orders/7", 0),
    ("POST", "/orders", 300),
    ("GET", "/static/menu.txt", 0),
    ("GET", "/orders/8", 0),
    ("GET", "/static/picture.bin", 0),
    ("POST", "/orders", 4000),
    ("GET", "/nowhere", 0),
    ("GET", "/orders/9", 0),
    ("GET", "/orders/broken", 0),
    ("GET", "/static/missing.txt", 0),
    ("GET", "/orders/10", 0),
    ("GET", "/orders/slow", 0),
)
"""Method, target and size of the body."""

CONNECTIONS = (12, 1, 7, 3)
"""So many requests on a connection, then so many on the next."""


def traces() -> Iterator[dict[str, str]]:
    """Headers of the three ways to carry a trace, in turn; no two requests are of one span."""
    while True:
        for header in (sw8, b3, traceparent):
            trace, span = secrets.token_hex(16), secrets.token_hex(8)
            yield header(trace, span)


def sw8(trace: str, span: str) -> dict[str, str]:
    """SkyWalking's own: here the span's id names the segment."""
    parts = (trace, span, "shop", "customer", "/", "shop.demo")
    first, segment, *rest = (b64encode(part.encode()).decode() for part in parts)
    return {"sw8": "-".join(("1", first, segment, "0", *rest))}


def b3(trace: str, span: str) -> dict[str, str]:
    """Zipkin's, in one header."""
    return {"b3": f"{trace}-{span}-1"}


def traceparent(trace: str, span: str) -> dict[str, str]:
    """W3C's."""
    return {"traceparent": f"00-{trace}-{span}-01"}


class Customer:
    """One worker: its errands, at its share of the rate."""

    def __init__(self, settings: dict[str, Any], book: Book, leaving: threading.Event) -> None:
        self._address, self._port = settings["gateway"]
        self._pause_s = settings["workers"] / settings["rate"]
        self._book = book
        self._leaving = leaving

    def shop(self, first: int) -> None:
        """Do errands until it is time to leave."""
        errands = cycle(ERRANDS[first:] + ERRANDS[:first])
        headers = traces()
        due_s = time.monotonic()
        for length in cycle(CONNECTIONS):
            line = dial(self._address, self._port, self._book, "gateway")
            for left in range(length, 0, -1):
                self._errand(line, next(errands), next(headers), is_last=left == 1)
                due_s = max(due_s + self._pause_s, time.monotonic() - self._pause_s)
                if self._leaving.wait(max(0.0, due_s - time.monotonic())):
                    break
            line.close()
            if self._leaving.is_set():
                return

    def _errand(
        self, line: Line, errand: tuple[str, str, int], trace: dict[str, str], *, is_last: bool
    ) -> None:
        method, target, size = errand
        headers = {"Host": "shop.demo", "User-Agent": "customer"} | trace
        headers["Connection"] = "close" if is_last else "keep-alive"
        ask(line, self._book, request(method, target, headers, b"tea " * (size // 4)))


def main() -> None:
    """Shop until the time is up or SIGTERM; then write the book."""
    settings = json.loads(sys.argv[1])
    book, leaving = Book(), threading.Event()

    def leave(_number: int, _frame: FrameType | None) -> None:
        leaving.set()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    customer = Customer(settings, book, leaving)
    threads = [
        threading.Thread(target=customer.shop, args=(number * 3 % len(ERRANDS),), daemon=True)
        for number in range(settings["workers"])
    ]
    print("ready", flush=True)
    for thread in threads:
        thread.start()
    leaving.wait(settings["seconds"] or None)
    leaving.set()
    for thread in threads:
        thread.join(10)
    book.save(Path(settings["ledger"]))


if __name__ == "__main__":
    main()
