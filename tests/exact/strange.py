"""
Programs of the suite that do with sockets what few expect.

In: where.  Out: counts.
"""

import array
import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import threading

from exact.ask import asked, dial, exchange, request
from exact.line import Book, Ended, Line
from exact.serve import attend

LIBC = ctypes.CDLL(None, use_errno=True)


def blocked(book: Book, call: str, threads: int) -> None:
    """So many threads that wait for ever in one system call, a stranger to everybody."""
    ends = [socket.socketpair() for _ in range(threads)]
    listener = socket.create_server(("127.0.0.1", 0))
    wait = {"recvfrom": lambda at: ends[at][0].recv(1), "accept4": lambda at: listener.accept()}
    for at in range(threads):
        threading.Thread(target=wait[call], args=(at,), daemon=True).start()
    print("ready", flush=True)
    os.read(0, 1)


def forking(book: Book, address: str, port: int, children: int) -> None:
    """A server whose children accept on a socket that they inherited; the parent only listens."""
    listener = socket.create_server((address, port))
    for _ in range(children):
        if not os.fork():
            connection, _ = listener.accept()
            attend(Line(connection, Book()))
            os._exit(0)
    print("ready", flush=True)
    for _ in range(children):
        os.wait()
    book.note(children=children)


def passing(book: Book, address: str, port: int, target: str, times: int) -> None:
    """Each connection is opened here and used by another process, which got it by a message."""
    near, far = socket.socketpair()
    child = os.fork()
    if not child:
        near.close()
        _use_passed(far, target, times)
        os._exit(0)
    far.close()
    for _ in range(times):
        line = dial(address, port, book)
        fds = array.array("i", [line.socket.fileno()])
        near.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        near.recv(1)
        line.socket.close()
    os.waitpid(child, 0)
    head, _ = request(target)
    book.note(child=child, requests=times, request_bytes=times * len(head))


def _use_passed(channel: socket.socket, target: str, times: int) -> None:
    head, data = request(target)
    for _ in range(times):
        _, fds, _, _ = socket.recv_fds(channel, 1, 1)
        with socket.socket(fileno=fds[0]) as passed:
            exchange(Line(passed, Book()), head, data)
            channel.send(b"x")


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Vector)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


def batches(book: Book, address: str, port: int, target: str, depth: int, times: int) -> None:
    """Several requests in one sendmmsg, each a message with two buffers."""
    head, _ = request(target)
    line = dial(address, port, book)
    parts = (_Vector * 2)(_Vector(head[:9], 9), _Vector(head[9:], len(head) - 9))
    messages = (_Header * depth)(*(_Header(vectors=parts, count=2) for _ in range(depth)))
    for _ in range(times):
        sent = LIBC.sendmmsg(line.socket.fileno(), messages, depth, 0)
        assert sent == depth, ctypes.get_errno()
        book.note(writes=1, write_bytes=depth * len(head))
        _read_answers(line, head, depth)
    line.close()


def _read_answers(line: Line, head: bytes, depth: int) -> None:
    from exact.ask import answer

    for _ in range(depth):
        asked(line, head)
        answer(line)


def babble(book: Book, address: str, port: int, lines: list[str], times: int) -> None:
    """Say something in hexadecimal that is no HTTP, and hear it back."""
    for _ in range(times):
        line = dial(address, port, book)
        for each in lines:
            data = bytes.fromhex(each)
            line.send(data)
            line.exactly(len(data))
        line.close()


def repeating(book: Book, address: str, port: int) -> None:
    """A server that sends back what it hears, until a line on standard input."""
    listener = socket.create_server((address, port))
    threads: list[threading.Thread] = []

    def repeat(line: Line) -> None:
        with contextlib.suppress(Ended):
            while True:
                line.send(line.receive())
        line.close()

    def welcome() -> None:
        while True:
            connection, _ = listener.accept()
            book.note(accepts=1)
            threads.append(threading.Thread(target=repeat, args=(Line(connection, book),)))
            threads[-1].start()

    threading.Thread(target=welcome, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.join()


def handing_down(book: Book, address: str, port: int, connections: int) -> None:
    """Each connection is accepted here and served by a program that inherits it over exec."""
    listener = socket.create_server((address, port))
    print("ready", flush=True)
    children = []
    for _ in range(connections):
        connection, _ = listener.accept()
        code = f"from exact.strange import serve_inherited; serve_inherited({connection.fileno()})"
        children.append(
            subprocess.Popen([sys.executable, "-c", code], pass_fds=[connection.fileno()])
        )
        connection.close()
    for child in children:
        child.wait()
    book.note(**{f"child_{at}": child.pid for at, child in enumerate(children)})


def serve_inherited(fd: int) -> None:
    """Serve a connection that was open when this program began."""
    attend(Line(socket.socket(fileno=fd), Book()))
