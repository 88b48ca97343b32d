"""
HTTP/1.1 by hand, so that every byte is known.

In: lines, or anything that sends and receives.  Out: messages with their exact size and time.
"""

from dataclasses import dataclass
from typing import Protocol

from podwire.demo.shop.book import Account, Book
from podwire.demo.shop.line import Moment

REASONS = {200: "OK", 201: "Created", 404: "Not Found", 500: "Internal Server Error"}
BLANK = b"\r\n\r\n"


class Channel(Protocol):
    """Plain or encrypted."""

    def send(self, data: bytes) -> Moment:
        """Send all of it."""

    def receive(self) -> tuple[bytes, Moment]:
        """Whatever comes next. Raises `line.Ended`."""


class Entered(Channel, Protocol):
    """One whose messages are entered in an account."""

    @property
    def account(self) -> Account:
        """Of its connection."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer, and when its first and last bytes were read."""

    head: bytes
    body: bytes
    first: Moment
    last: Moment

    @property
    def size(self) -> int:
        return len(self.head) + len(self.body)

    @property
    def words(self) -> list[str]:
        """Method, target and version; or version, status and reason."""
        return self.head.split(b"\r\n", 1)[0].decode().split(" ", 2)

    @property
    def status(self) -> int:
        return int(self.words[1])

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.decode().partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""


def read(channel: Channel) -> Message:
    """The next message, which must have a Content-Length if it has a body. Raises `line.Ended`."""
    data, first = channel.receive()
    last = first
    while BLANK not in data:
        more, last = channel.receive()
        data += more
    end = data.index(BLANK) + len(BLANK)
    message = Message(data[:end], b"", first, last)
    length = int(message.header("Content-Length") or 0)
    while len(data) < end + length:
        more, last = channel.receive()
        data += more
    return Message(data[:end], data[end:], first, last)


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A request's bytes."""
    length = {"Content-Length": str(len(body))} if body or method == "POST" else {}
    return _head(f"{method} {target} HTTP/1.1", headers | length) + body


def response(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    """An answer's bytes."""
    first = f"HTTP/1.1 {status} {REASONS[status]}"
    return _head(first, headers | {"Content-Length": str(len(body))}) + body


def _head(first: str, headers: dict[str, str]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + BLANK


def ask(line: Entered, book: Book, data: bytes) -> Message:
    """Send a request, read its answer, and enter both as a client's."""
    sent = line.send(data)
    answer = read(line)
    inner_ns = answer.last.before_ns - sent.after_ns
    _enter(line, book, len(data), answer.status, answer.size, inner_ns)
    _enter_outer(line, book, answer.last.after_ns - sent.before_ns)
    return answer


def reply(line: Entered, book: Book, asked: Message, data: bytes) -> None:
    """Answer a request, and enter both as a server's."""
    sent = line.send(data)
    inner_ns = sent.before_ns - asked.first.after_ns
    _enter(line, book, asked.size, int(data.split(b" ", 2)[1]), len(data), inner_ns)
    _enter_outer(line, book, sent.after_ns - asked.first.before_ns)


def _enter(
    line: Entered, book: Book, asked: int, status: int, answered: int, inner_ns: int
) -> None:
    with book.lock:
        http = line.account.http
        http.requests += 1
        http.request_bytes += asked
        http.statuses[str(status)] = http.statuses.get(str(status), 0) + 1
        http.response_bytes += answered
        http.largest_request = max(http.largest_request, asked)
        http.largest_response = max(http.largest_response, answered)
        http.inner_ns += max(0, inner_ns)


def _enter_outer(line: Entered, book: Book, outer_ns: int) -> None:
    with book.lock:
        http = line.account.http
        http.outer_ns += outer_ns
        http.longest_ns = max(http.longest_ns, outer_ns)
