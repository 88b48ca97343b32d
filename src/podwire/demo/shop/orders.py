"""
Keeps orders, and has them paid over TLS.

`python -m podwire.demo.shop.orders JSON` with the keys listen, port, ledger, payments, authority.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from podwire.demo.shop.book import Book
from podwire.demo.shop.line import Line, dial
from podwire.demo.shop.message import Message, ask, read, reply, request, response
from podwire.demo.shop.secure import Secure
from podwire.demo.shop.serve import serve

SLOW_S = 0.32


class Orders:
    """Answers the gateway; every connection has its own way to payments."""

    def __init__(self, settings: dict[str, Any], book: Book) -> None:
        self._settings = settings
        self._book = book

    def talk(self, line: Line) -> None:
        """Answer one connection until it leaves or asks to close."""
        payments: list[Secure] = []
        try:
            while True:
                asked = read(line)
                status, body = self._answer(asked, payments)
                reply(line, self._book, asked, response(status, body, {"Server": "orders"}))
                if asked.header("Connection") == "close":
                    return
        finally:
            for each in payments:
                each.close()

    def _answer(self, asked: Message, payments: list[Secure]) -> tuple[int, bytes]:
        method, target, _ = asked.words
        if target.startswith("/lost/"):
            return 404, b'{"error": "nobody has seen this order"}'
        if target.endswith("/broken"):
            return 500, b'{"error": "the order book has a page missing"}'
        if target.endswith("/slow"):
            time.sleep(SLOW_S)
        if method == "POST":
            receipt = self._pay(asked.body, payments)
            return 201, json.dumps({"receipt": receipt, "note": asked.body.decode()}).encode()
        return 200, json.dumps({"order": target, "lines": ["tea", "bread"] * 20}).encode()

    def _pay(self, body: bytes, payments: list[Secure]) -> str:
        if not payments:
            address, port = self._settings["payments"]
            line = dial(address, port, self._book, "payments")
            payments.append(Secure(line, self._settings["authority"], "payments.demo"))
        channel = payments[0]
        asked = request("POST", "/pay", {"Host": "payments.demo"}, body[:200])
        return ask(channel, self._book, asked).body.decode()


def main() -> None:
    """Serve until SIGTERM."""
    settings = json.loads(sys.argv[1])
    book = Book()
    orders = Orders(settings, book)
    ledger = Path(settings["ledger"])
    serve(settings["listen"], settings["port"], "gateway", ledger, book, orders.talk)


if __name__ == "__main__":
    main()
