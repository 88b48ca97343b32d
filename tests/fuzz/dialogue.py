"""
Conversations over one HTTP/1.x connection, with every freedom that its grammar gives a sender.

In: a source of randomness (a seed, or hypothesis).  Out: what crosses the connection, in order,
and the composer's own book of it. Faults are composed on purpose; what they break is not booked.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from fuzz.model import METHODS, Call

LOOKALIKES = (
    *("Content-Type", "Content-Lengthy", "X-Content-Length", "Content-Length-Of", "Cookie", "TE"),
    *("T", "C", "Transfer-Encodings", "X-Transfer-Encoding", "Trailer", "Content-Encoding", ""),
    *("Accept", "x" * 300, "Transfer", "Content-", "Content-Length-", "Transfer-Encodin"),
)
VALUES = ("", "1", "chunked", "gzip, chunked", "a: b", "HTTP/1.1 200 OK", "x" * 700, "\r", "7,7")
FINAL = (200, 201, 204, 206, 301, 304, 400, 404, 499, 500, 503, 599)
SIZES = (0, 1, 2, 7, 15, 16, 17, 255, 256, 257, 511, 512, 513, 1000, 3000)
PIECES = (1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 255, 256, 257, 511, 512, 513, 4096)
GARBAGE = (
    b"\0\1\2\3",
    b"SSH-2.0-x\r\n",
    b"GETT / HTTP/1.1\r\n\r\n",
    b"get / HTTP/1.1\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 2x0 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/1.10 200 OK\r\n\r\n",
    b"HTTP/1.1 099 No\r\n\r\n",
    b"\x16\x03\x01\0\x05hello",
    b" GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"x" * 600,
    b"POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nContent-Length: 5, 6\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000005\r\nhello\r\n",
)
"""What must not be taken for a message, or cannot be told apart."""  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Bytes that one end sends, and that may be cut anywhere."""

    is_request: bool
    data: bytes
    is_body: bool = False
    """Whether they may pass without being seen (sendfile)."""


@dataclass
class Book:
    """What the composer says of it; nothing is booked of a dialogue with a fault."""

    requests: int = 0
    request_bytes: int = 0
    responses: Counter[int] = field(default_factory=Counter)
    response_bytes: int = 0


@dataclass
class Dialogue:
    """One connection's conversation."""

    parts: list[Part] = field(default_factory=list)
    book: Book = field(default_factory=Book)
    is_faulty: bool = False
    ends: bool = False
    """Whether the last response lasts until the connection is closed."""


class Composer:
    """Composes dialogues."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.dialogue = Dialogue()
        self.is_chunked = False
        """Whether the newest body is: its chunk sizes must be seen."""

    def one_in(self, number: int) -> bool:
        return self.random.randrange(number) == 0

    def compose(self, *, faults: bool = False) -> Dialogue:
        """A few exchanges; with faults, some bytes that break them."""
        self.dialogue = Dialogue(is_faulty=faults)
        turns: tuple[Callable[[], None], ...] = (
            *(self.exchange,) * 6,
            *(self.pipeline, self.continued, self.answered_early),
            *(self.break_in,) * (4 if faults else 0),
        )
        for _ in range(self.random.randrange(1, 6)):
            self.random.choice(turns)()
        if self.one_in(5):
            self.random.choice((self.until_close, self.upgrade, self.tunnel))()
        return self.dialogue

    # turns

    def exchange(self) -> None:
        method = self.random.choice(METHODS[:8])
        self.ask(method)
        self.answer(method)

    def pipeline(self) -> None:
        methods = [self.random.choice(METHODS[:8]) for _ in range(self.random.randrange(2, 9))]
        for method in methods:
            self.ask(method)
        for method in methods:
            self.answer(method)

    def continued(self) -> None:
        """The client waits for permission to send its body."""
        head, body = self.request("POST", is_framed=True)
        self.say_request(head)
        self.say_response(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.say_request(body, is_body=not self.is_chunked)
        self.book_request(head + body)
        self.dialogue.book.response_bytes += len(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.answer("POST")

    def answered_early(self) -> None:
        """The server answers before the request is whole."""
        head, body = self.request("PUT", is_framed=True)
        is_body = not self.is_chunked
        place = self.random.randrange(len(body) + 1)
        self.say_request(head)
        self.say_request(body[:place], is_body=is_body)
        self.answer("PUT")
        self.say_request(body[place:], is_body=is_body)
        self.book_request(head + body)

    def until_close(self) -> None:
        self.ask("GET")
        head = self.head("HTTP/1.0 200 OK", [])
        body = b"u" * self.random.choice(SIZES)
        self.say_response(head)
        self.say_response(body, is_body=True)
        self.book_response(200, head + body)
        self.dialogue.ends = True

    def upgrade(self) -> None:
        """What follows is not HTTP, however much it looks like it."""
        self.ask("GET")
        self.switch("HTTP/1.1 101 Switching Protocols", 101)

    def tunnel(self) -> None:
        request = self.head("CONNECT host:443 HTTP/1.1", [])
        self.say_request(request)
        self.book_request(request)
        self.switch("HTTP/1.1 200 Connection established", 200)

    def switch(self, line: str, status: int) -> None:
        response = self.head(line, [])
        self.say_response(response)
        self.book_response(status, response)
        self.say_request(b"GET /not-http HTTP/1.1\r\n\r\n")
        self.say_response(b"HTTP/1.1 500 Not HTTP\r\n\r\n")

    def break_in(self) -> None:
        """Bytes that belong to no exchange, on either side."""
        data = self.random.choice(GARBAGE)
        is_request = not self.one_in(3)
        if not is_request:
            data = data.replace(b"POST / HTTP/1.1", b"HTTP/1.1 200 OK")
        self.dialogue.parts.append(Part(is_request, data, is_body=self.one_in(4)))

    # messages

    def ask(self, method: str) -> None:
        head, body = self.request(method, is_framed=method in ("POST", "PUT", "PATCH"))
        blank = b"\r\n" if self.one_in(10) else b""
        self.say_request(blank + head)
        self.say_request(body, is_body=not self.is_chunked)
        self.book_request(head + body)

    def answer(self, method: str) -> None:
        status = self.random.choice(FINAL)
        framing, body = self.body()
        if method == "HEAD" or status in (204, 304):
            body = b""
        informed = b"".join(
            self.head(f"HTTP/1.1 {self.random.choice((100, 102, 103))} Wait", [])
            for _ in range(self.random.choice((0,) * 8 + (1, 2)))
        )
        head = self.head(f"HTTP/1.{self.random.randrange(2)} {status}{self.reason()}", framing)
        self.say_response(informed + head)
        self.say_response(body, is_body=not self.is_chunked)
        self.book_response(status, informed + head + body)

    def request(self, method: str, *, is_framed: bool) -> tuple[bytes, bytes]:
        framing, body = self.body() if is_framed else ([], b"")
        target = self.random.choice(("/", "*", "/a b", "http://x/", "/" + "p" * 600))
        return self.head(f"{method} {target} HTTP/1.1", framing), body

    def reason(self) -> str:
        return self.random.choice((" OK", " ", "", " " + "r" * 300, " 404 Not"))

    def head(self, first: str, framing: list[str]) -> bytes:
        """Headers in any order, lines ended in either way."""
        lines = [*self.headers(), *framing]
        self.random.shuffle(lines)
        end = "\n" if self.one_in(8) else "\r\n"
        return end.join([first, *lines, "", ""]).encode()

    def headers(self) -> list[str]:
        """Headers that only look like those that matter, some folded."""
        found = []
        for _ in range(self.random.randrange(4)):
            line = f"{self.case(self.random.choice(LOOKALIKES))}: {self.random.choice(VALUES)}"
            fold = "\r\n Content-Length: 9" if self.one_in(10) else ""
            found.append(line + fold)
        return found

    def case(self, name: str) -> str:
        """A header's name in any mixture of cases."""
        style = self.random.choice((str, str.lower, str.upper, str.swapcase))
        return style(name)

    def body(self) -> tuple[list[str], bytes]:
        """A body and the headers that frame it."""
        self.is_chunked = False
        data = b"\r\nHTTP/1.1 200 OK\r\n\r\n" * 150
        data = data[: self.random.choice(SIZES)]
        space = self.random.choice(("", " ", " \t"))
        length = f"{self.case('content-length')}:{space}{len(data)}"
        if self.one_in(2):
            twice = [length + self.random.choice(("", f", {len(data)}", " "))]
            return (twice if self.one_in(4) else [length]), data
        coding = self.random.choice(
            ("chunked", "CHUNKED", "gzip, chunked", "gzip,chunked ", "Chunked")
        )
        framing = [f"{self.case('transfer-encoding')}: {coding}"]
        self.is_chunked = True
        return ([*framing, length] if self.one_in(8) else framing), self.chunks(data)

    def chunks(self, data: bytes) -> bytes:
        """The same in chunks of any size, with extensions and trailers now and then."""
        out = b""
        while data:
            size = min(len(data), self.random.choice((1, 10, 255, 500, 1000)))
            form = self.random.choice(("{:x}", "{:X}", "{:05x}"))
            extension = self.random.choice(("",) * 5 + (";a=b", " ;a", ';a="' + "q" * 300 + '"'))
            out += f"{form.format(size)}{extension}\r\n".encode() + data[:size] + b"\r\n"
            data = data[size:]
        trailers = self.random.choice((b"",) * 3 + (b"Content-Length: 9\r\n", b"A: b\r\nC: d\r\n"))
        return out + b"0\r\n" + trailers + b"\r\n"

    # the book

    def say_request(self, data: bytes, *, is_body: bool = False) -> None:
        self.dialogue.parts.append(Part(is_request=True, data=data, is_body=is_body))

    def say_response(self, data: bytes, *, is_body: bool = False) -> None:
        self.dialogue.parts.append(Part(is_request=False, data=data, is_body=is_body))

    def book_request(self, data: bytes) -> None:
        self.dialogue.book.requests += 1
        self.dialogue.book.request_bytes += len(data)

    def book_response(self, status: int, data: bytes) -> None:
        self.dialogue.book.responses[status] += 1
        self.dialogue.book.response_bytes += len(data)


def cut(random: Random, parts: Sequence[Part], *, is_client: bool) -> list[Call]:
    """The calls that one end may have made for a dialogue, with times that only grow."""
    calls: list[Call] = []
    now_ns = 0
    for is_request, data, is_hidden in _runs(random, parts):
        for piece in _pieces(random, data):
            start_ns = now_ns + random.randrange(1, 1_000_000)
            now_ns = start_ns + random.randrange(1, 5_000_000)
            cuts = _cuts(random, piece) if not is_hidden and random.randrange(4) == 0 else ()
            calls.append(Call(is_request is is_client, piece, start_ns, now_ns, is_hidden, cuts))
    return calls


def _runs(random: Random, parts: Sequence[Part]) -> Iterator[tuple[bool, bytes, bool]]:
    """What one end says without a pause: parts of one direction joined, or not."""
    joined: list[Part] = []
    for part in parts:
        is_hidden = part.is_body and random.randrange(8) == 0
        starts_anew = joined and (joined[-1].is_request != part.is_request or is_hidden)
        if starts_anew or (joined and random.randrange(4) == 0):
            yield joined[0].is_request, b"".join(each.data for each in joined), False
            joined = []
        if is_hidden:
            yield part.is_request, part.data, True
        else:
            joined.append(part)
    if joined:
        yield joined[0].is_request, b"".join(each.data for each in joined), False


def _pieces(random: Random, data: bytes) -> Iterator[bytes]:
    """The bytes cut anywhere, in one of three tempers: whole, coarse, fine."""
    temper = random.randrange(3)
    while data:
        whole = len(data) if temper == 0 else random.choice((len(data), *PIECES[-5:]))
        size = random.choice(PIECES) if temper == 2 else whole
        yield data[:size]
        data = data[size:]


def _cuts(random: Random, data: bytes) -> tuple[int, ...]:
    return tuple(sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(1, 4))))
