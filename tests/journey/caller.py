"""
A monitored program that the real SkyWalking agent instruments: it asks what standard input says.

It reads the backend's gRPC address, then URLs, one a line; each is answered with a line of
JSON: the status it got, and what crossed the socket as the program itself sent and received it.
"""

import json
import socket
import sys
import urllib.error
import urllib.request
from typing import Any

from skywalking import agent, config

crossed: dict[str, bytearray] = {"sent": bytearray(), "received": bytearray()}


def keep_what_crosses() -> None:
    """Every byte that Python's own sockets move from now on."""
    send, receive = socket.socket.sendall, socket.socket.recv_into

    def sendall(self: socket.socket, data: Any, *rest: Any) -> None:
        crossed["sent"] += bytes(data)
        send(self, data, *rest)

    def recv_into(self: socket.socket, buffer: Any, *rest: Any) -> int:
        size = receive(self, buffer, *rest)
        crossed["received"] += memoryview(buffer)[:size]
        return size

    socket.socket.sendall = sendall  # type: ignore[method-assign,assignment]
    socket.socket.recv_into = recv_into  # type: ignore[method-assign,assignment]


def ask(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


def main() -> None:
    config.init(
        agent_collector_backend_services=sys.stdin.readline().strip(),
        agent_protocol="grpc",
        agent_name="caller",
        agent_instance_name="caller-0",
        agent_logging_level="ERROR",
    )
    agent.start()
    keep_what_crosses()
    print("ready", flush=True)
    for line in sys.stdin:
        for each in crossed.values():
            each.clear()
        status = ask(line.strip())
        texts = {name: data.decode("latin-1") for name, data in crossed.items()}
        print(json.dumps({"status": status, **texts}), flush=True)


if __name__ == "__main__":
    main()
