"""How the backend listens; the truth is the kernel's own word on the socket."""

import socket

from podwire.app.backend import _listen


def test_an_answer_of_two_writes_does_not_wait_for_an_acknowledgement() -> None:
    """Connections send at once what they are given: Nagle's delay would be 40 ms a question."""
    with _listen("127.0.0.1:0") as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
