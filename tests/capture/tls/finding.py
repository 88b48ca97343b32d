"""A small finder: the functions that a mapped libssl exports, as `nm` lists them."""

import re
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from podwire.capture.tls.point import Binary, Call, Family, Point

FUNCTIONS = {
    "SSL_read": Call.READ,
    "SSL_write": Call.WRITE,
    "SSL_read_ex": Call.READ_EX,
    "SSL_write_ex": Call.WRITE_EX,
    "SSL_peek": Call.PEEK,
    "SSL_do_handshake": Call.HANDSHAKE,
    "SSL_free": Call.FREE,
}


class Dynamic:
    """Finds shared libraries alone."""

    def find(self, pid: int) -> Sequence[Binary]:
        try:
            maps = Path(f"/proc/{pid}/maps").read_text()
        except OSError:
            return ()
        return [binary(name) for name in sorted(set(re.findall(r"/\S*libssl\.so\S*", maps)))]


@lru_cache
def binary(name: str) -> Binary:
    """The library of that path; its text lies in the file where it lies in memory."""
    said = subprocess.run(["nm", "-D", name], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(\w+) T (\w+)@@", said, re.M)
    status = Path(name).stat()
    return Binary(
        device=status.st_dev,
        inode=status.st_ino,
        changed_ns=status.st_mtime_ns,
        build_id="",
        path=Path(name),
        name=name,
        family=Family.OPENSSL,
        library="OpenSSL",
        points=tuple(
            Point(call=FUNCTIONS[symbol], symbol=symbol, offset=int(address, 16))
            for address, symbol in found
            if symbol in FUNCTIONS
        ),
    )
