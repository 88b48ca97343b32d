"""
Functions by which TLS libraries take and give plaintext, and marks of those that show none.

In: an ELF file that is no Go program.  Out: its points, or why it has none. All of it is tables.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from podwire.capture.tls.elf import Elf
from podwire.capture.tls.point import Call, Family, Point
from podwire.model.tls import Reason

OPENSSL = {
    "SSL_read": Call.READ,
    "SSL_read_ex": Call.READ_EX,
    "SSL_write": Call.WRITE,
    "SSL_write_ex": Call.WRITE_EX,
    "SSL_sendfile": Call.SENDFILE,
    "SSL_peek": Call.PEEK,
    "SSL_peek_ex": Call.PEEK,
    "SSL_do_handshake": Call.HANDSHAKE,
    "SSL_connect": Call.HANDSHAKE,
    "SSL_accept": Call.HANDSHAKE,
    "SSL_shutdown": Call.SHUTDOWN,
    "SSL_free": Call.FREE,
}
GNUTLS = {
    "gnutls_record_recv": Call.READ,
    "gnutls_record_recv_seq": Call.READ,
    "gnutls_record_send": Call.WRITE,
    "gnutls_record_send2": Call.WRITE,
    "gnutls_record_send_file": Call.SENDFILE,
    "gnutls_record_uncork": Call.FLUSH,
    "gnutls_handshake": Call.HANDSHAKE,
    "gnutls_bye": Call.SHUTDOWN,
    "gnutls_deinit": Call.FREE,
}
TABLES: Mapping[Family, Mapping[str, Call]] = {Family.OPENSSL: OPENSSL, Family.GNUTLS: GNUTLS}


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells a library that shows no functions."""

    library: str
    reason: Reason
    text: bytes = b""
    """A string that only this library brings."""

    symbol: str = ""
    """Or a function that it exports."""

    version: re.Pattern[bytes] | None = None


MARKS = (
    Mark("OpenSSL", Reason.STRIPPED, text=b"ssl/record/rec_layer_s3.c\0"),
    Mark("BoringSSL", Reason.STRIPPED, text=b"TLS client read_server_hello\0"),
    Mark(
        "rustls",
        Reason.INLINED,
        text=b"/rustls-0.",
        version=re.compile(rb"/rustls-(\d{1,3}\.\d{1,3}\.\d{1,3})"),
    ),
    Mark("NSS", Reason.LAYERED, symbol="SSL_ImportFD"),
    Mark("mbed TLS", Reason.UNPROBED, symbol="mbedtls_ssl_read"),
    Mark("wolfSSL", Reason.UNPROBED, symbol="wolfSSL_read"),
    Mark("Java (JSSE)", Reason.COMPILED, symbol="JNI_CreateJavaVM"),
)
"""In the order in which they are looked for."""

VERSIONS = {
    Family.OPENSSL: re.compile(rb"((?:OpenSSL|LibreSSL) \d\.\d{1,3}\.\d{1,3}[a-z]{0,2})[ \-\0]"),
    Family.GNUTLS: re.compile(rb"(GnuTLS \d\.\d{1,3}\.\d{1,3})\b"),
}
INTERFACES = {b"\0OPENSSL_3.0.0\0": " 3", b"\0OPENSSL_1_1_1\0": " 1.1.1"}
LONGEST = 64
"""Bytes that a mark or a version takes, at most."""

BORING = "SSL_set_early_data_enabled"
"""A function that BoringSSL has, and OpenSSL has not."""

NAMES = (*OPENSSL, *GNUTLS, BORING)


def addresses_of(elf: Elf) -> dict[str, int]:
    """Functions of the libraries that this file has, by what it exports, else by its symbols."""
    found = elf.exported(NAMES)
    return found if _family_or_none(found) else elf.local(NAMES) or found


def _family_or_none(addresses: Mapping[str, int]) -> Family | None:
    """Of the first library that it can read and write with."""
    for family, table in TABLES.items():
        calls = {call for name, call in table.items() if name in addresses}
        if calls & {Call.READ, Call.WRITE}:
            return family
    return None


def points_of(elf: Elf, addresses: Mapping[str, int]) -> tuple[Family | None, tuple[Point, ...]]:
    """Where to put probes; two names of one function are one place."""
    family = _family_or_none(addresses)
    if family is None:
        return None, ()
    points: dict[int, Point] = {}
    for name, call in TABLES[family].items():
        if name in addresses and elf.is_code(addresses[name]):
            offset = elf.offset_of(addresses[name])
            points.setdefault(offset, Point(call=call, symbol=name, offset=offset))
    return family, tuple(points.values())


def version_of(elf: Elf, family: Family, addresses: Mapping[str, int]) -> str:
    """What the library calls itself, for people."""
    if BORING in addresses:
        return "BoringSSL"
    name = {Family.OPENSSL: "OpenSSL", Family.GNUTLS: "GnuTLS"}[family]
    found = next(_matches(elf, VERSIONS[family]), None)
    return found.decode() if found else name + _interface_of(elf)


def _interface_of(elf: Elf) -> str:
    """A shared OpenSSL says its version elsewhere, but marks its functions with their age."""
    names = elf.section_or_none(".dynstr")
    text = elf.read(names.offset, min(names.size, 1 << 20)) if names else b""
    return next((version for mark, version in INTERFACES.items() if mark in text), "")


def _matches(elf: Elf, pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    for offset, size in elf.constants():
        for _, data in elf.pieces(offset, size, LONGEST):
            if found := pattern.search(data):
                yield found[1]


def mark_or_none(elf: Elf) -> tuple[Mark, str] | None:
    """The library that can be told, but not read, with its version if that is known."""
    exported = elf.exported([mark.symbol for mark in MARKS if mark.symbol])
    for mark in MARKS:
        if mark.symbol in exported:
            return mark, ""
    for offset, size in elf.constants():
        for _, data in elf.pieces(offset, size, LONGEST):
            for mark in MARKS:
                if mark.text and mark.text in data:
                    found = mark.version.search(data) if mark.version else None
                    return mark, found[1].decode() if found else ""
    return None
