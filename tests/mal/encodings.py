"""
Every way a protobuf writer may put a collection of meters into bytes, and some that none may.

In: hypothesis.  Out: messages whose fields come in any order, twice, padded, unknown or cut off.
"""

import struct

from hypothesis import strategies as st

VALUES = st.sampled_from([0.0, -0.0, 1.5, -3.0, 1e300, float("inf"), float("nan"), 42.0])
NAMES = st.sampled_from(["a", "b", "unwanted", ""])
LABEL_NAMES = st.sampled_from(["side", "code", "le", "service", "", "peer", "é"])
LABEL_VALUES = st.sampled_from(["", "client", "x" * 130, "\0", "200", "10.0.0.1:80", "漢字"])


def varint(number: int, padding: int = 0) -> bytes:
    """A varint, optionally longer than it need be."""
    number &= 2**64 - 1
    digits = []
    while True:
        digits.append(number & 0x7F)
        number >>= 7
        if not number:
            break
    digits += [0] * min(padding, 10 - len(digits))
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


paddings = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, 1, 3])


@st.composite
def sized(draw: st.DrawFn, tag: int, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A field with a size before it."""
    body = draw(bodies)
    return bytes([tag]) + varint(len(body), draw(paddings)) + body


def text(tag: int, texts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return sized(tag, texts.map(str.encode))


def double(tag: int) -> st.SearchStrategy[bytes]:
    return VALUES.map(lambda value: bytes([tag]) + struct.pack("<d", value))


def number(tag: int, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    return st.builds(lambda n, padding: bytes([tag]) + varint(n, padding), numbers, paddings)


ODDITIES = st.sampled_from(
    [
        *(b"\x7a\x00", b"\x70\x05", b"\x7d\0\0\0\0", b"\x79" + bytes(8)),  # unknown fields
        *(b"\x0a\x02\xff\xfe", b"\x0a\x7f", b"\x8a\x00\x01x"),  # no text; cut off; a padded tag
        *(b"\x0a\x00", b"\x12\x00", b"\x1a\x00", b"\x00", b"\x0f"),
    ]
)


RARELY: st.SearchStrategy[bool] = st.integers(0, 149).map(lambda number: number == 99)


@st.composite
def fields(draw: st.DrawFn, *some: st.SearchStrategy[bytes]) -> bytes:
    """Each field or none of it, in any order; now and then one too many."""
    written = [draw(field) for field in some if draw(st.integers(0, 9))]
    is_odd, is_twice = draw(RARELY), draw(RARELY)
    if is_odd:
        written.append(draw(ODDITIES))
    if written and is_twice:
        written.append(draw(st.sampled_from(written)))
    return b"".join(draw(st.permutations(written)))


labels = sized(0x12, fields(text(0x0A, LABEL_NAMES), text(0x12, LABEL_VALUES)))
buckets = sized(
    0x1A,
    fields(
        double(0x09),
        number(0x10, st.integers(-3, 300)),
        number(0x18, st.sampled_from([0, 0, 0, 1, 2])),
    ),
)
plain_bucket = st.builds(
    lambda value, count: b"\x1a\x0b\x09" + struct.pack("<d", value) + b"\x10" + bytes([count]),
    VALUES,
    st.integers(0, 127),
)


def several(field: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(field, max_size=4).map(b"".join)


singles = sized(0x0A, fields(text(0x0A, NAMES), labels, labels, several(labels), double(0x19)))
histograms = sized(
    0x12, fields(text(0x0A, NAMES), several(labels), several(buckets | plain_bucket), buckets)
)
services = text(0x1A, st.sampled_from(["shop", "cart", "cart", ""]))
instances = text(0x22, st.sampled_from(["one", "two"]))
times = number(0x28, st.sampled_from([1000, 61_000, 61_000, 61_000, 0, -5, 2**62]))
entries = sized(0x0A, fields(singles | histograms))
heads = sized(
    0x0A,
    st.tuples(services, instances, times, fields(singles | histograms))
    .flatmap(st.permutations)
    .map(b"".join),
)


@st.composite
def collections(draw: st.DrawFn) -> bytes:
    """A serialized `MeterDataCollection`."""
    rest = draw(st.lists(entries, max_size=5))
    if draw(st.integers(0, 9)):
        rest.insert(draw(st.integers(0, len(rest))), draw(heads))
    data = b"".join(rest)
    if not draw(st.integers(0, 20)):
        data = data[: draw(st.integers(0, len(data)))]
    return data if draw(st.integers(0, 30)) else draw(st.binary(max_size=30))
