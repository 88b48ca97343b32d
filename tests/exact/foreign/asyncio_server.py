"""An event loop that answers: `python asyncio_server.py ADDRESS PORT`; the path is the size."""

import asyncio
import sys


async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer until the peer closes."""
    while line := await reader.readline():
        length = 0
        while (header := await reader.readline()) != b"\r\n":
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        await reader.readexactly(length)
        body = b"x" * int(line.split()[1][1:])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(attend, sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
