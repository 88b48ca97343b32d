"""
What an observer at one end of an HTTP/1.x connection must count: the reference for `bpf/`.

In: the calls of one connection, with what each carried.  Out: counts and named losses.
Written from RFC 9112 and from what podwire promises where the RFC leaves an observer alone:

* What does not begin like HTTP is not HTTP: nothing is counted, nothing is lost.
* A response answers the oldest request that waits. One that ends before any request was seen
  waits itself: the call that wrote its request may not have returned yet. Otherwise it is unpaired.
* Where messages can no longer be told apart, one loss is counted, what waited is forgotten by
  number, and nothing is followed until a call begins with a whole request line; not even then if
  the client pipelined. Calls that carry the beginning of a method and nothing else may go before
  it. A final status line at a call's beginning is meanwhile an unpaired response.
* A CR at a line's start or before its LF counts for nothing; elsewhere it is a space (2.2).
* A message's size is that of all its bytes, 1xx responses before it included; blank lines before
  a start line belong to nothing.
"""

import re
from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace

METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
STARTS = tuple(f"{method} ".encode() for method in METHODS)
VERSION, PREFACE = b"HTTP/1.", b"PRI * H"
STATUS_LINE = re.compile(rb"HTTP/1\.\d [1-9]\d\d")
REQUEST_LINE = re.compile(rb"(?:%s)[^\n]+ HTTP/1\.\d\r?\n" % b"|".join(STARTS))
WAITING = 32
"""Requests remembered on one connection."""

GLANCE = 512
"""A proof must lie in this many bytes."""

Reading = Generator[None, None, None]


@dataclass
class Counts:
    """Everything that is compared."""

    requests: int = 0
    request_bytes: int = 0
    responses: Counter[int] = field(default_factory=Counter)
    response_bytes: int = 0
    duration_ns: int = 0
    unanswered: int = 0
    unpaired: int = 0
    losses: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Call:
    """What one system call carried."""

    is_sent: bool
    data: bytes
    start_ns: int = 0
    now_ns: int = 0
    is_hidden: bool = False
    """Whether the bytes were never in the process's memory (sendfile)."""

    cuts: tuple[int, ...] = ()
    """Where its bytes change from one vector to the next."""


@dataclass
class _Request:
    start_ns: int
    method: str


@dataclass
class _Early:
    status: int
    size: int
    end_ns: int


class _Lost(Exception):
    """The bytes cannot be told apart any more; the text is the loss's name."""


class _Off(Exception):
    """The connection is no longer HTTP/1."""


class _Way:
    """One direction: the call at hand and the generator that reads it."""

    def __init__(self) -> None:
        self.call = Call(is_sent=False, data=b"")
        self.at = 0
        self.size = 0
        self.is_lost = False
        self.is_underway = False
        self.lasts_until_close: int | None = None
        self.kept: Call | None = None
        """The beginning of a method, the last that came while it was lost."""

    def peek(self) -> Generator[None, None, int]:
        """The next byte, left where it is."""
        while self.at == len(self.call.data):
            yield
        if self.call.is_hidden:
            raise _Lost("http_unseen")
        return self.call.data[self.at]

    def byte(self) -> Generator[None, None, int]:
        found = yield from self.peek()
        self.at += 1
        self.size += 1
        return found

    def skip(self, count: int) -> Reading:
        """Bytes whose content does not matter, and may be hidden."""
        while count:
            while self.at == len(self.call.data):
                yield
            step = min(count, len(self.call.data) - self.at)
            self.at += step
            self.size += step
            count -= step

    def line(self) -> Generator[None, None, bytes]:
        """The rest of a line, without its end."""
        found = b""
        while not found.endswith(b"\n"):
            yield from self.peek()
            after = self.call.data.find(b"\n", self.at) + 1 or len(self.call.data)
            found += self.call.data[self.at : after]
            self.size += after - self.at
            self.at = after
        return found.rstrip(b"\r\n")


class Model:
    """One connection, from its opening or from its middle."""

    def __init__(self, *, is_from_middle: bool = False) -> None:
        self.counts = Counts()
        self._ways = {True: _Way(), False: _Way()}
        self._readers = {sent: self._read(way) for sent, way in self._ways.items()}
        self._waiting: deque[_Request] = deque()
        self._early: _Early | None = None
        self._is_from_middle = is_from_middle
        self._is_http = self._is_off = self._has_pipelined = False

    def take(self, call: Call) -> None:
        """The next call, in the order in which calls returned."""
        way = self._ways[call.is_sent]
        if self._is_off or not call.data:
            return
        if way.is_lost and not self._is_resumed(call):
            return
        way.call, way.at = call, 0
        try:
            next(self._readers[call.is_sent])
        except _Off:
            self._is_off = True
            for each in self._ways.values():
                each.is_underway = False
        except _Lost as loss:
            self._lose(way, str(loss))

    def end(self, call: Call) -> None:
        """No more bytes will come this way."""
        way = self._ways[call.is_sent]
        if not self._is_off and way.lasts_until_close is not None:
            way.call = call
            self._respond(way, way.lasts_until_close)
            way.lasts_until_close = None
            self._readers[call.is_sent] = self._read(way)

    def close(self, *, is_client: bool) -> None:
        """The connection is over."""
        if not self._is_http:
            return
        self._give_up_early()
        way = self._ways[is_client]
        waiting = len(self._waiting)
        if way.is_underway and waiting:
            waiting -= 1
        elif way.is_underway:
            self._count_request(way)
        self.counts.unanswered += waiting
        self._waiting.clear()

    # reading

    def _read(self, way: _Way) -> Reading:
        while True:
            way.size = 0
            while (yield from way.peek()) in b"\r\n":
                way.at += 1
            start_ns = way.call.start_ns if way.call.is_sent else way.call.now_ns
            token = yield from self._token(way)
            if token == VERSION:
                yield from self._response(way)
            else:
                yield from self._request(way, _Request(start_ns, token[:-1].decode()))

    def _token(self, way: _Way) -> Generator[None, None, bytes]:
        """A method or a version; whatever else begins a message is none."""
        found = b""
        while found not in (*STARTS, VERSION):
            found += bytes([(yield from way.byte())])
            if found == PREFACE:
                raise _Off
            if not any(each.startswith(found) for each in (*STARTS, VERSION, PREFACE)):
                raise _Lost("http_ambiguous")
        self._is_http, self._is_from_middle = True, False
        return found

    def _request(self, way: _Way, request: _Request) -> Reading:
        if len(self._waiting) == WAITING:
            raise _Lost("http_pipelined")
        self._has_pipelined |= bool(self._waiting)
        if not self._waiting:
            self._find_again(way)
        self._waiting.append(request)
        if self._early:
            early, self._early = self._early, None
            self._answer(early)
        way.is_underway = True
        yield from way.line()
        headers = yield from self._headers(way)
        codings = _codings(headers)
        if codings:
            if codings[-1] != "chunked":
                raise _Lost("http_ambiguous")
            yield from self._chunks(way)
        else:
            yield from way.skip(_length(headers) or 0)
        way.is_underway = False
        self._count_request(way)

    def _response(self, way: _Way) -> Reading:
        while (status := (yield from self._head(way))) < 200 and status != 101:
            while (yield from way.peek()) in b"\r\n":
                way.at += 1
            if (yield from self._token(way)) != VERSION:
                raise _Lost("http_ambiguous")
        if self._is_off:
            raise _Off

    def _head(self, way: _Way) -> Generator[None, None, int]:
        """One response, 1xx or final, behind its version; its status."""
        status = yield from self._status(way)
        yield from way.line()
        headers = yield from self._headers(way)
        request = self._waiting[0] if self._waiting else _Request(0, "")
        if status < 200 and status != 101:
            return status
        self._is_off = status == 101 or (request.method == "CONNECT" and status // 100 == 2)
        if not (self._is_off or status in (204, 304) or request.method == "HEAD"):
            yield from self._body(way, status, headers)
        self._respond(way, status)
        return status

    def _status(self, way: _Way) -> Generator[None, None, int]:
        found = b""
        for allowed in (b"0123456789", b" ", b"123456789", b"0123456789", b"0123456789"):
            byte = yield from way.byte()
            if byte not in allowed:
                raise _Lost("http_ambiguous")
            found += bytes([byte])
        return int(found[2:])

    def _body(self, way: _Way, status: int, headers: list[tuple[str, str]]) -> Reading:
        codings = _codings(headers)
        length = None if codings else _length(headers)
        if codings and codings[-1] == "chunked":
            yield from self._chunks(way)
        elif length is not None:
            yield from way.skip(length)
        else:
            way.lasts_until_close = status
            while True:
                yield from way.skip(1 << 62)

    def _headers(self, way: _Way) -> Generator[None, None, list[tuple[str, str]]]:
        found = []
        while line := (yield from way.line()):
            plain = line.lstrip(b"\r").replace(b"\r", b" ").decode("latin-1")
            name, colon, value = plain.partition(":")
            if colon:
                found.append((name.lower(), value.strip(" \t")))
        return found

    def _chunks(self, way: _Way) -> Reading:
        while size := (yield from self._chunk_size(way)):
            yield from way.skip(size)
            while (byte := (yield from way.byte())) != ord("\n"):
                if byte != ord("\r"):
                    raise _Lost("http_ambiguous")
        while (yield from way.line()):
            pass

    def _chunk_size(self, way: _Way) -> Generator[None, None, int]:
        digits = ""
        while chr(byte := (yield from way.byte())) in "0123456789abcdefABCDEF":
            digits += chr(byte)
            if len(digits) > 15:
                raise _Lost("http_ambiguous")
        if byte not in b"; \t\r\n":
            raise _Lost("http_ambiguous")
        if byte != ord("\n"):
            yield from way.line()
        if not digits:
            raise _Lost("http_ambiguous")
        return int(digits, 16)

    # counting

    def _count_request(self, way: _Way) -> None:
        self.counts.requests += 1
        self.counts.request_bytes += way.size

    def _respond(self, way: _Way, status: int) -> None:
        response = _Early(status, way.size, way.call.now_ns)
        if self._waiting:
            self._answer(response)
        else:
            self._give_up_early()
            self._early = response

    def _answer(self, response: _Early) -> None:
        request = self._waiting.popleft()
        self.counts.responses[response.status] += 1
        self.counts.response_bytes += response.size
        self.counts.duration_ns += max(0, response.end_ns - request.start_ns)

    def _give_up_early(self) -> None:
        if self._early:
            self._unpaired()
        self._early = None

    def _unpaired(self) -> None:
        self.counts.unpaired += 1
        self.counts.losses["http_unpaired"] += 1

    # losing and finding again

    def _lose(self, way: _Way, loss: str) -> None:
        if not self._is_http:
            if self._is_from_middle:
                way.is_lost = True
            else:
                self._is_off = True
            return
        self.counts.losses[loss] += 1
        self.counts.losses["http_forgotten"] += len(self._waiting)
        self._waiting.clear()
        self._give_up_early()
        for each in self._ways.values():
            each.is_lost = True
            each.kept = None
            each.is_underway = False
            each.lasts_until_close = None

    def _find_again(self, way: _Way) -> None:
        """A request that nothing waits before: what comes the other way answers it."""
        for sent, other in self._ways.items():
            if other is not way and other.is_lost:
                self._readers[sent] = self._read(other)
                other.is_lost = False

    def _is_resumed(self, call: Call) -> bool:
        """Whether a call's first bytes prove that whatever was before it is over."""
        way = self._ways[call.is_sent]
        kept, way.kept = way.kept, None
        glance = call.data[: min((GLANCE, *call.cuts))]
        if call.is_hidden:
            return False
        if len(glance) < 16:
            way.kept = _kept(kept, call) if glance == call.data else None
            return False
        if glance.startswith(PREFACE) and self._is_from_middle:
            self._is_off = True
        elif STATUS_LINE.match(glance) and int(glance[9:12]) >= 200:
            self._is_http = True
            self._unpaired()
        elif not self._has_pipelined and REQUEST_LINE.match(glance):
            self._resume()
            return True
        elif not self._has_pipelined and kept and REQUEST_LINE.match(kept.data + glance):
            self._resume()
            way.call, way.at = kept, 0
            next(self._readers[call.is_sent])
            return True
        return False

    def _resume(self) -> None:
        for sent, way in self._ways.items():
            self._readers[sent] = self._read(way)
            way.is_lost, way.kept, way.lasts_until_close = False, None, None


def _kept(before: Call | None, call: Call) -> Call | None:
    """The beginning of a method and nothing else, in one call or with what was kept before."""
    if before and _begins_method(before.data + call.data):
        return replace(before, data=before.data + call.data)
    return call if _begins_method(call.data) else None


def _begins_method(data: bytes) -> bool:
    return any(len(data) < len(each) and each.startswith(data) for each in STARTS)


def _codings(headers: list[tuple[str, str]]) -> list[str]:
    """Transfer codings in order; empty list elements count for nothing (RFC 9110 5.6.1)."""
    said = [value for name, value in headers if name == "transfer-encoding"]
    if not said:
        return []
    found = [each.strip(" \t").lower() for value in said for each in value.split(",")]
    return [each for each in found if each] or [""]


def _length(headers: list[tuple[str, str]]) -> int | None:
    """Content-Length; several must be equal (RFC 9110 8.6)."""
    values = [value for name, value in headers if name == "content-length"]
    lengths = [each.strip(" \t") for value in values for each in value.split(",")]
    if not lengths:
        return None
    if not all(re.fullmatch("[0-9]+", each) for each in lengths) or len(set(map(int, lengths))) > 1:
        raise _Lost("http_ambiguous")
    return int(lengths[0])
