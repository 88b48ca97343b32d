"""
TLS over a line: what crosses the socket is ciphertext, and is counted as such.

In: a line.  Out: a channel for plain messages.
"""

import contextlib
import ssl

from podwire.demo.shop.book import Account
from podwire.demo.shop.line import Ended, Line, Moment, clock_ns


class Secure:
    """The client's end of a TLS connection, after its handshake."""

    def __init__(self, line: Line, authority: str, name: str) -> None:
        context = ssl.create_default_context(cafile=authority)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._line = line
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._shake_hands()

    @property
    def account(self) -> Account:
        """Where the connection is entered."""
        return self._line.account

    def send(self, data: bytes) -> Moment:
        """From before it is encrypted to after it is sent."""
        before_ns = clock_ns()
        self._tls.write(data)
        return Moment(before_ns, self._line.send(self._out.read()).after_ns)

    def receive(self) -> tuple[bytes, Moment]:
        """From before it came to after it is decrypted."""
        while True:
            try:
                data = self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._take()
            else:
                return data, Moment(self._moment.before_ns, clock_ns())

    def close(self) -> None:
        """Say goodbye and wait for the other's, so that nothing arrives at a closed socket."""
        with contextlib.suppress(Ended):
            self._goodbye()
        self._line.close()

    def _goodbye(self) -> None:
        while True:
            try:
                self._tls.unwrap()
            except ssl.SSLWantReadError:
                self._flush()
                self._take()
            else:
                self._flush()
                return

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._take()
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if data := self._out.read():
            self._line.send(data)

    def _take(self) -> None:
        data, self._moment = self._line.receive()
        self._in.write(data)
