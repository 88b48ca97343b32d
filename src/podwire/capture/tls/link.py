"""
Links from programs to places in files, by the kernel's own calls.

In: a loaded program, a file, offsets.  Out: a link. One over many places is asked of the kernel
itself, because the systems' libbpf is older than it; one over a single place is libbpf's.
"""

import errno
import os
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from podwire.capture.library import checked, ffi, library, made

BPF = 321
"""The number of bpf() on x86_64."""

LINK_CREATE = 28
UPROBE_MULTI = 48
IS_RETURN = 1

ROOT_ONLY = "probes of one place each need SYS_ADMIN; kernel 6.6 has others that do not"


class Rung(StrEnum):
    """How a program hangs in a file, the best first."""

    MULTI = "uprobe_multi"
    PERF = "uprobe"


_calls = type(ffi)()
_calls.cdef(
    """
    long syscall(long number, ...);
    struct uprobe_multi {
        uint32_t program, target, type, flags;
        uint64_t path, offsets, reference_counters, cookies;
        uint32_t count, is_return;
        uint32_t pid, padding;
    };
    """
)


@cache
def _libc() -> Any:
    return _calls.dlopen(None)


def link_many(
    program: int, path: str, offsets: Sequence[int], *, cookie: int, is_return: bool
) -> int:
    """A link over all these places, as a file descriptor. Raises OSError."""
    name = _calls.new("char[]", os.fsencode(path))
    places = _calls.new("unsigned long[]", list(offsets))
    cookies = _calls.new("unsigned long[]", [cookie] * len(offsets))
    ask: Any = _calls.new("struct uprobe_multi *")
    ask.program, ask.type, ask.count = program, UPROBE_MULTI, len(offsets)
    ask.is_return = IS_RETURN if is_return else 0
    ask.path, ask.offsets, ask.cookies = (
        int(_calls.cast("uintptr_t", each)) for each in (name, places, cookies)
    )
    arguments = (
        LINK_CREATE,
        int(_calls.cast("uintptr_t", ask)),
        _calls.sizeof("struct uprobe_multi"),
    )
    found = _libc().syscall(BPF, *(_calls.cast("long", each) for each in arguments))
    return checked(-_calls.errno if found < 0 else int(found), "a link over many places")


def takes_many(program: int) -> bool:
    """Whether this kernel has such links: one that has says that a folder is no file."""
    try:
        os.close(link_many(program, "/", [1], cookie=0, is_return=False))
    except OSError as error:
        return error.errno == errno.EBADF
    return True


def link_one(program: Any, path: str, offset: int, *, cookie: int, is_return: bool) -> Any:
    """Libbpf's link at one place. Raises OSError."""
    options: Any = ffi.new("struct bpf_uprobe_opts *")
    options.sz = ffi.sizeof("struct bpf_uprobe_opts")
    options.bpf_cookie, options.retprobe = cookie, is_return
    link = library().bpf_program__attach_uprobe_opts(program, -1, path.encode(), offset, options)
    return made(link, "a link at one place")
