"""
The floor: a tracepoint program that does nothing, on both ends of every system call.

In: nothing.  Out: what one run of it takes by the kernel's account, which includes reading the
clock.  What our programs cost above it is their own doing.
"""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from bench.account import bpf

PROG_LOAD, RAW_TRACEPOINT_OPEN = 5, 17
RAW_TRACEPOINT = 17
RETURN_ZERO = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)


@contextmanager
def nothing() -> Iterator[list[int]]:
    """The two programs that do nothing, attached; their descriptors."""
    code = ctypes.create_string_buffer(RETURN_ZERO, len(RETURN_ZERO))
    license_ = ctypes.create_string_buffer(b"GPL")
    program = struct.pack("<IIQQ", RAW_TRACEPOINT, 2, ctypes.addressof(code), _at(license_))
    names = [ctypes.create_string_buffer(name) for name in (b"sys_enter", b"sys_exit")]
    held: list[int] = []
    programs: list[int] = []
    try:
        for name in names:
            programs.append(bpf(PROG_LOAD, program))
            held.append(bpf(RAW_TRACEPOINT_OPEN, struct.pack("<QI", _at(name), programs[-1])))
        yield programs
    finally:
        for fd in (*held, *programs):
            os.close(fd)


def _at(buffer: "ctypes.Array[ctypes.c_char]") -> int:
    return ctypes.addressof(buffer)
