"""
What can be read of TLS, and why the rest cannot.

In: what the finder saw in a process, what the kernel's programs saw of its connections.
Out: the same words at the agent, in answers of the backend, and on the page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why plaintext cannot be read; the values travel in meters."""

    STRIPPED = "stripped"
    INLINED = "inlined"
    LAYERED = "layered"
    COMPILED = "compiled"
    UNPROBED = "unprobed"
    OLD_GO = "old_go"
    NEW_GO = "new_go"
    BROKEN = "broken"
    GONE = "gone"
    DENIED = "denied"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    UNSEEN = "unseen"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Words:
    """A reason for people."""

    why: str
    remedy: str


PROXY = "let a proxy beside it that uses OpenSSL speak TLS for it"

WORDS: Mapping[Reason, Words] = {
    Reason.STRIPPED: Words(
        "the library is linked into the program, and the program is stripped of its symbols",
        "build it without stripping it; `strip --strip-debug` keeps what is needed",
    ),
    Reason.INLINED: Words(
        "its functions are inlined and have no stable names",
        f"build it with native-tls (OpenSSL), or {PROXY}",
    ),
    Reason.LAYERED: Words(
        "it layers TLS under files of its own, not under sockets",
        f"use OpenSSL or GnuTLS, or {PROXY}",
    ),
    Reason.COMPILED: Words(
        "the Java machine compiles its TLS while it runs: no file has its functions",
        f"use netty-tcnative with a shared OpenSSL, or {PROXY}",
    ),
    Reason.UNPROBED: Words("podwire has no probes for it", PROXY),
    Reason.OLD_GO: Words("the Go that built it is too old", "build it with Go 1.18 or later"),
    Reason.NEW_GO: Words(
        "the Go that built it is newer than those that this podwire knows", "upgrade podwire"
    ),
    Reason.BROKEN: Words(
        "its file cannot be read", "install it again; if it runs well, report it to podwire"
    ),
    Reason.GONE: Words(
        "its file was deleted or replaced while it runs",
        "restart it, or grant the agent CAP_CHECKPOINT_RESTORE (kernel 5.9) or CAP_SYS_ADMIN",
    ),
    Reason.DENIED: Words(
        "the agent may not look into this process",
        "grant the agent CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
    ),
    Reason.REFUSED: Words(
        "the kernel does not take probes in it", "run `podwire doctor` on its node"
    ),
    Reason.UNKNOWN: Words(
        "the process has no TLS library that podwire knows",
        f"report to podwire what it speaks TLS with, or {PROXY}",
    ),
    Reason.UNSEEN: Words(
        "nobody had looked into the process when the connection was counted",
        "wait: it is looked into within seconds",
    ),
    Reason.SILENT: Words(
        "the library is read, and no plaintext could be tied to these connections: they were idle, "
        "or which socket a call used could not be proven",
        "nothing, if they were idle; `lost_tls_unplaced_total` of the agent counts unproven calls",
    ),
}
"""Every reason there is."""


@dataclass(frozen=True, slots=True)
class Library:
    """One file of a process that has TLS in it."""

    path: str
    """As the process names it."""

    title: str
    """For example `OpenSSL 3.0.11` or `go1.22.3`."""

    reason: Reason | None = None
    """None of one that is read."""


def blame(libraries: Sequence[Library] | None) -> tuple[str, Reason]:
    """
    Which library a process's unread connections are laid to, and why; None was not looked into.

    >>> blame([Library("/a", "OpenSSL 3"), Library("/b", "BoringSSL", Reason.STRIPPED)])
    ('BoringSSL', <Reason.STRIPPED: 'stripped'>)
    >>> blame([])
    ('', <Reason.UNKNOWN: 'unknown'>)
    """
    if not libraries:
        return "", Reason.UNSEEN if libraries is None else Reason.UNKNOWN
    unread = [each for each in libraries if each.reason]
    titles = sorted({each.title for each in unread or libraries})
    reason = unread[0].reason if unread else None
    return " or ".join(titles), reason or Reason.SILENT


@dataclass(frozen=True, slots=True)
class Unread:
    """Connections of an edge whose plaintext was not seen."""

    library: str
    reason: Reason
    connections: int


def unread(blamed: Mapping[tuple[str, Reason], int], readable: int) -> Iterator[Unread]:
    """
    What is left of an edge's connections, by whom they were laid to.

    Those that were read are taken first from where nothing stood in the way.

    >>> list(unread({("go1.22", Reason.SILENT): 3, ("rustls", Reason.INLINED): 2}, 3))
    [Unread(library='rustls', reason=<Reason.INLINED: 'inlined'>, connections=2)]
    """
    for (library, reason), count in sorted(blamed.items(), key=lambda each: _is_hard(each[0][1])):
        read = min(count, readable)
        readable -= read
        if count > read:
            yield Unread(library, reason, count - read)


def _is_hard(reason: Reason) -> bool:
    return reason is not Reason.SILENT
