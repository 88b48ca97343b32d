"""
Addresses and ports that a second connection has while the first one's socket is still open.

All ends are sockets of this process, watched for real.
"""

import os
import socket
import struct

import pytest

from capture.test_calls import BODY, HEAD, REQUEST, receive
from capture.test_drain import watching
from podwire.model.flow import Role

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a close that resets."""


def client(port: int = 0) -> socket.socket:
    """A client's socket whose close resets, on a port of its own choice or this one."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    made.bind(("127.0.0.1", port))
    return made


@pytest.mark.root
def test_a_socket_closed_late_takes_nothing_from_its_successor() -> None:
    """The end of a connection that was reset long ago does not make the next one unknown."""
    with watching() as kernel, socket.create_server(("127.0.0.1", 0)) as listener:
        first = client()
        first.connect(listener.getsockname())
        port, late = first.getsockname()[1], listener.accept()[0]
        first.close()
        second = client(port)
        second.connect(listener.getsockname())
        server, _ = listener.accept()
        listener.close()  # now its connection alone tells who the server is
        late.close()
        second.sendall(REQUEST)
        receive(server, len(REQUEST))
        server.sendall(HEAD + BODY)
        receive(second, len(HEAD + BODY))
        flows = [flow for flow in kernel.drain() if flow.http and flow.key.role is Role.CLIENT]
        second.close()
        server.close()

    assert [os.getpid()] == [flow.key.peer.pid for flow in flows]
