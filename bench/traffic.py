"""
HTTP/1.1 traffic at a stated rate between two processes, for benchmarks.

`python -m bench.traffic server PORT` and `python -m bench.traffic client PORT RATE SECONDS`.
"""

import socket
import sys
import time

REQUEST = b"GET /bench HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\n\r\n"
BODY = b"x" * 512
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 512\r\nContent-Type: text/plain\r\n\r\n" + BODY


def serve(port: int) -> None:
    """Answer keep-alive requests of one connection at a time."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while connection.recv(4096):
                    connection.sendall(RESPONSE)


def drive(port: int, rate: float, seconds: float) -> int:
    """Send requests at a steady rate on one connection; the number sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start_s = time.monotonic()
        while (due_s := start_s + sent / rate) < start_s + seconds:
            time.sleep(max(0.0, due_s - time.monotonic()))
            connection.sendall(REQUEST)
            left = len(RESPONSE)
            while left:
                left -= len(connection.recv(4096))
            sent += 1
    return sent


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["server", port]:
            serve(int(port))
        case ["client", port, rate, seconds]:
            print(drive(int(port), float(rate), float(seconds)), flush=True)
        case _:
            sys.exit(__doc__)
