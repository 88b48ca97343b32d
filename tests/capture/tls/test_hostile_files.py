"""Files that somebody made to harm whoever reads them: none takes much memory, or has no end."""

import os
import struct
import tracemalloc
from collections.abc import Sequence

import pytest

from podwire.capture.tls import elf
from podwire.capture.tls.elf import Unreadable
from podwire.capture.tls.scan import Scan, scan

SYMTAB, LOAD, NOTE = 2, 1, 4
BODY_AT = 1 << 20
"""Where the tables of a made file point at, unless they say otherwise."""

Part = tuple[int, int, int, int]


def made(
    body: bytes, *, segments: Sequence[Part] = (), sections: Sequence[Part] = (), names: int = 0
) -> Scan | None:
    """What is found in a file of these tables, as (name or kind, kind or flags, offset, size)."""
    segments_at, sections_at = 64, 64 + 56 * len(segments)
    head = b"\x7fELF\x02\x01".ljust(16, b"\0") + struct.pack("<HHI", 3, 62, 1)
    head += struct.pack("<QQQIHHH", 0, segments_at, sections_at, 0, 64, 56, len(segments))
    head += struct.pack("<HHH", 64, len(sections), names)
    rows = [struct.pack("<IIQQQQQQ", *each[:3], 0, 0, each[3], 0, 0) for each in segments]
    section = struct.Struct("<IIQQQQIIQQ")
    rows += [section.pack(*each[:2], 0, 0, *each[2:], 0, 0, 0, 0) for each in sections]
    fd = os.memfd_create("made")
    try:
        os.pwrite(fd, head + b"".join(rows), 0)
        os.pwrite(fd, body, BODY_AT)
        os.truncate(fd, max((each[2] + each[3] for each in sections), default=2 * BODY_AT))
        return scan(fd)
    finally:
        os.close(fd)


def test_names_that_overlap_take_no_memory() -> None:
    """A thousand sections share one name of a megabyte, each from another letter on: a gigabyte."""
    sections = [(at, 1, BODY_AT, BODY_AT) for at in range(1000)]
    tracemalloc.start()
    try:
        assert made(b"a" * BODY_AT, sections=sections) is None
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_a_table_of_symbols_over_a_hole_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may claim to be as large as it likes."""
    monkeypatch.setattr(elf, "MOST_READ", 16 << 20)
    sections = [(0, SYMTAB, BODY_AT, 1 << 40)]
    with pytest.raises(Unreadable, match="too large to look through"):
        made(b"\0SSL_read\0", sections=sections)


def test_small_reads_without_end_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand tables of symbols, each of one."""
    monkeypatch.setattr(elf, "MOST_READ", 4 << 20)
    sections = [(0, SYMTAB, BODY_AT, 24)] * 10_000
    with pytest.raises(Unreadable, match="too large to look through"):
        made(b"\0SSL_read\0", sections=sections)


def test_segments_without_number_are_refused() -> None:
    """Every address is looked for in each of them."""
    with pytest.raises(Unreadable, match="too many segments"):
        made(b"", segments=[(NOTE, 0, BODY_AT, 16)] * 300)


@pytest.mark.parametrize("digits", [3, 500_000])
def test_a_version_without_end_is_none(digits: int) -> None:
    """It is what people see, and what meters carry."""
    text = b"/rustls-0.23." + b"1" * digits + b"/src/\0"
    found = made(text, segments=[(LOAD, 4, BODY_AT, BODY_AT)])
    assert found
    assert len(found.library) < 20


def test_a_build_id_without_end_is_none() -> None:
    """Real ones have twenty bytes."""
    note = struct.pack("<III4s", 4, 60_000, 3, b"GNU\0") + b"\xaa" * 60_000
    segments = [(LOAD, 4, BODY_AT, BODY_AT), (NOTE, 4, BODY_AT + 64, BODY_AT - 64)]
    found = made(b"/rustls-0.23.46".ljust(64, b"\0") + note, segments=segments)
    assert found
    assert ("rustls 0.23.46", "") == (found.library, found.build_id)
