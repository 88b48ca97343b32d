"""
A server of the shop: one thread a connection, until SIGTERM, then its book.

In: a listener and what to do with one connection.  Out: a book on disk.
"""

import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from podwire.demo.shop.book import Book
from podwire.demo.shop.line import Ended, Line, answer


class Closing(BaseException):
    """SIGTERM came."""


def serve(
    address: str, port: int, peer: str, ledger: Path, book: Book, talk: Callable[[Line], None]
) -> None:
    """Accept until SIGTERM; then let open connections end and write the book."""
    signal.signal(signal.SIGTERM, _close)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threads: list[threading.Thread] = []
    with socket.create_server((address, port), backlog=128) as listener:
        print("ready", flush=True)
        try:
            while True:
                line = answer(listener, book, peer)
                thread = threading.Thread(target=_converse, args=(line, talk), daemon=True)
                thread.start()
                threads = [each for each in threads if each.is_alive()] + [thread]
        except Closing:
            pass
    for thread in threads:
        thread.join(2)
    book.save(ledger)
    sys.stdout.flush()


def _converse(line: Line, talk: Callable[[Line], None]) -> None:
    try:
        talk(line)
    except Ended:
        pass
    finally:
        line.close()


def _close(_number: int, _frame: FrameType | None) -> None:
    raise Closing
