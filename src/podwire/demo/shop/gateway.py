"""
The shop's front door: answers clients with the help of orders and of a web server.

`python -m podwire.demo.shop.gateway JSON` with the keys listen, port, ledger, orders, web and name.
"""

import json
import sys
from itertools import count
from pathlib import Path
from typing import Any

from podwire.demo.shop.book import Book
from podwire.demo.shop.line import Line, dial
from podwire.demo.shop.message import Message, ask, read, reply, request, response
from podwire.demo.shop.serve import serve

TRACE_HEADERS = ("sw8", "b3", "traceparent")
FRESH_EVERY = 5
"""Every so many calls use a connection of their own."""


class Gateway:
    """What one client's connection needs: its own connections onward."""

    def __init__(self, settings: dict[str, Any], book: Book) -> None:
        self._settings = settings
        self._book = book
        self._numbers = count(1)

    def talk(self, line: Line) -> None:
        """Answer one client until it leaves or asks to close."""
        onward: dict[str, Line] = {}
        try:
            while True:
                asked = read(line)
                status, body = self._answer(asked, onward)
                closing = asked.header("Connection") == "close"
                headers = {
                    "Server": "gateway",
                    "Content-Type": "application/json",
                    "Connection": "close" if closing else "keep-alive",
                }
                reply(line, self._book, asked, response(status, body, headers))
                if closing:
                    return
        finally:
            for each in onward.values():
                each.close()

    def _answer(self, asked: Message, onward: dict[str, Line]) -> tuple[int, bytes]:
        target = asked.words[1]
        if target.startswith("/static/"):
            return self._forward("web", asked, onward)
        if target.startswith("/orders"):
            return self._forward("orders", asked, onward)
        return 404, json.dumps({"error": f"there is no {target}"}).encode()

    def _forward(self, peer: str, asked: Message, onward: dict[str, Line]) -> tuple[int, bytes]:
        is_fresh = next(self._numbers) % FRESH_EVERY == 0
        if is_fresh:
            line = self._dial(peer)
        else:
            line = onward.get(peer) or onward.setdefault(peer, self._dial(peer))
        method, target, _ = asked.words
        headers = {
            "Host": peer,
            "User-Agent": "gateway/1.0 (the shop's front door)",
            "Connection": "close" if is_fresh else "keep-alive",
            **{name: asked.header(name) for name in TRACE_HEADERS if asked.header(name)},
        }
        answer = ask(line, self._book, request(method, target, headers, asked.body))
        if is_fresh:
            line.close()
        return answer.status, answer.body

    def _dial(self, peer: str) -> Line:
        address, port = self._settings[peer]
        return dial(address, port, self._book, peer)


def main() -> None:
    """Serve until SIGTERM."""
    settings = json.loads(sys.argv[1])
    book = Book()
    gateway = Gateway(settings, book)
    ledger = Path(settings["ledger"])
    serve(settings["listen"], settings["port"], "client", ledger, book, gateway.talk)


if __name__ == "__main__":
    main()
