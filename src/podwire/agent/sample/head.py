"""
The head of an HTTP/1.x message: first line, headers, and where the body begins.

In: recorded bytes, which may be cut anywhere.  Out: a `Head`; nothing of it is trusted.
"""

from dataclasses import dataclass

MOST_HEADERS = 1000
"""A message with more headers is read no further: nobody sends that in good faith."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the head says; names keep their case, and are compared without it."""

    line: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    size: int
    """Bytes up to the body, the blank line included; all of them when there is no blank line."""

    def first(self, name: bytes) -> bytes | None:
        """The value of the first header of this name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def target(self) -> bytes:
        """The request's target; empty for a response or a line that was cut."""
        words = self.line.split(b" ")
        return words[1] if len(words) > 2 and not self.line.startswith(b"HTTP/") else b""


def read(message: bytes) -> Head:
    r"""
    The head of a message.

    >>> head = read(b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\nbody")
    >>> head.target, head.first(b"host"), head.size
    (b'/a?b=1', b'x', 32)
    """
    end = message.find(b"\r\n\r\n")
    size = len(message) if end < 0 else end + 4
    first, *lines = message[:size].split(b"\r\n")
    headers = []
    for line in lines[:MOST_HEADERS]:
        name, colon, value = line.partition(b":")
        if colon and name:
            headers.append((name, value.strip(b" \t")))
    return Head(first, tuple(headers), size)


def bounded(message: bytes) -> bytes:
    """The message; up to the last header that is read where it has more of them."""
    ends = (message.find(blank) for blank in (b"\r\n\r\n", b"\n\n"))
    end = min((at for at in ends if at >= 0), default=len(message))
    if message.count(b"\n", 0, end) <= MOST_HEADERS:
        return message
    rest = message.split(b"\n", MOST_HEADERS + 1)[-1]
    return message[: len(message) - len(rest)]


def path(target: bytes) -> str:
    """
    The target without its query, as rules and records know it.

    >>> path(b"/a/b?c=d")
    '/a/b'
    """
    before, mark, _ = target.partition(b"?")
    return (before if mark and before else target).decode("utf-8", "replace")
