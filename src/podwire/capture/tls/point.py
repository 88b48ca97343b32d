"""
Where plaintext crosses a TLS library's interface.

In: what the finder read of a file.  Out: what probes are attached to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from podwire.model.tls import WORDS, Reason


class Family(StrEnum):
    """Libraries with one calling convention; BoringSSL is of OpenSSL's."""

    OPENSSL = "openssl"
    GNUTLS = "gnutls"
    GO = "go"


class Call(StrEnum):
    """What a function of a TLS library does with plaintext, and how it says how much."""

    READ = "read"
    """(session, buffer, size); the result is the number of bytes."""

    WRITE = "write"
    READ_EX = "read_ex"
    """(session, buffer, size, size_t *moved); the result is 1."""

    WRITE_EX = "write_ex"
    SENDFILE = "sendfile"
    """(session, file, ...); the result is the number of bytes."""

    PEEK = "peek"
    """Reads what a later call will read again: it uses the socket, and moves nothing."""

    HANDSHAKE = "handshake"
    SHUTDOWN = "shutdown"
    FREE = "free"
    """The session's address may be another session's from here on."""

    FLUSH = "flush"
    """Sends what earlier calls left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One function of a library, for one probe or a pair."""

    call: Call
    symbol: str
    """Its name, as an operator would look for it."""

    offset: int
    """
    Its first instruction in the file, in bytes, as uprobes want it; of a function of Go the first
    behind the check of its stack, where arguments and stack pointer are still as at its entry.
    """

    returns: tuple[int, ...] = ()
    """Offsets in the file of its RET instructions, where a return probe would break it (Go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """An executable or library that has TLS in it: readable when it has points."""

    device: int
    """Its file system; 0 where one lies upon others (layer.py)."""

    inode: int
    written_ns: int
    """When its content last changed: one that is upgraded in place is another binary."""

    changed_ns: int
    """When anything of it did, such as its name: what was read of it holds for no longer."""

    build_id: str
    """In hexadecimal; empty where the file has none. Two different files may share one."""

    path: Path
    """Where this process can open it, whatever mount namespace it belongs to."""

    name: str
    """What its own process calls it."""

    family: Family | None
    library: str
    """For example `OpenSSL 3.0.11` or `go1.22.3`."""

    points: tuple[Point, ...] = ()
    layout: Mapping[str, int] = field(default_factory=dict)
    """Offsets in bytes of the fields that lead from a session to its socket, where needed (Go)."""

    reason: Reason | None = None
    """Why its plaintext cannot be read; None when it can."""

    detail: str = ""
    """What the reason was here, when it is not always the same."""

    @property
    def is_readable(self) -> bool:
        """Whether there is anything to attach to."""
        return bool(self.points)

    @property
    def why(self) -> str:
        """The reason in words; empty when it can be read."""
        words = WORDS[self.reason].why if self.reason else ""
        return f"{words}: {self.detail}" if self.detail else words

    @property
    def remedy(self) -> str:
        """What would make it readable; empty when it is."""
        return WORDS[self.reason].remedy if self.reason else ""
