"""
PORT REQUESTS [REQUESTS ...]: four keep-alive clients in turn by asyncio, whose TLS works in memory.

Each part begins at a line; the connections stay open between them.
"""

import asyncio
import ssl
import sys

CLIENTS = 4
REQUEST = b"GET /850 HTTP/1.1\r\nHost: drive\r\n\r\n"


class Client:
    """One connection."""

    async def open(self, port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        ends = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        self._reader, self._writer = ends

    async def ask(self, requests: int) -> None:
        for _ in range(requests):
            self._writer.write(REQUEST)
            await self._reader.readuntil(b"\r\n\r\n")
            await self._reader.readexactly(850)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def drive(port: int, parts: list[int]) -> None:
    clients = [Client() for _ in range(CLIENTS)]
    for at, requests in enumerate(parts):
        print("ready", flush=True)
        sys.stdin.readline()
        if not at:
            await asyncio.gather(*(client.open(port) for client in clients))
        await asyncio.gather(*(client.ask(requests // CLIENTS) for client in clients))
    await asyncio.gather(*(client.close() for client in clients))


if __name__ == "__main__":
    asyncio.run(drive(int(sys.argv[1]), list(map(int, sys.argv[2:]))))
