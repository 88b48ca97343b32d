"""PORT REQUESTS: four keep-alive clients in turn by asyncio, whose TLS works in memory."""

import asyncio
import ssl
import sys

CLIENTS = 4
REQUEST = b"GET /850 HTTP/1.1\r\nHost: drive\r\n\r\n"


async def client(port: int, requests: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    for _ in range(requests):
        writer.write(REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(850)
    writer.close()
    await writer.wait_closed()


async def clients(port: int, requests: int) -> None:
    await asyncio.gather(*(client(port, requests // CLIENTS) for _ in range(CLIENTS)))


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(clients(int(sys.argv[1]), int(sys.argv[2])))
