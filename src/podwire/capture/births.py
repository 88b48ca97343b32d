"""
News of processes, so that nobody has to go looking for them.

In: `bpf/process.bpf.c`, compiled.  Out: pids that began, became another program or ended.
Attached as long as this is open: it measures nothing, and costs nothing while nothing starts.
"""

import os
from pathlib import Path
from typing import Any

from podwire.capture.library import Unavailable, checked, ffi, library, made

OBJECT = Path(__file__).parent / "object" / "process.bpf.o"


class Births:
    """Satisfies `discovery.kubernetes.Wire`. Raises `Unavailable` when the kernel tells nothing."""

    def __init__(self) -> None:
        self._links: list[Any] = []
        self._ring = ffi.NULL
        self._pids: set[int] = set()
        self._missed = 0
        self._heard = ffi.callback("int(void *, void *, size_t)", self._hear)
        self._object = library().bpf_object__open_file(os.fsencode(OBJECT), ffi.NULL)
        if not self._object:
            raise Unavailable(f"{OBJECT} is not a BPF object; run: make bpf")
        try:
            self._open()
        except OSError as error:
            self.close()
            raise Unavailable(
                f"the kernel tells nothing of new processes: {error.strerror}; run: podwire doctor"
            ) from error

    def _open(self) -> None:
        checked(library().bpf_object__load(self._object), "loading")
        fd = library().bpf_object__find_map_fd_by_name(self._object, b"news")
        ring = library().ring_buffer__new(fd, self._heard, ffi.NULL, ffi.NULL)
        self._ring = made(ring, "hearing of processes")
        program = ffi.NULL
        while program := library().bpf_object__next_program(self._object, program):
            self._links.append(made(library().bpf_program__attach(program), "attaching"))

    def _hear(self, context: Any, data: Any, size: int) -> int:
        del context, size
        self._pids.add(int(ffi.cast("uint32_t *", data)[0]))
        return 0

    def fileno(self) -> int:
        """Readable when there are news."""
        return int(library().ring_buffer__epoll_fd(self._ring))

    def take(self) -> tuple[frozenset[int], bool]:
        """Every pid there was news of, and whether some news were lost."""
        library().ring_buffer__consume(self._ring)
        fd = library().bpf_object__find_map_fd_by_name(self._object, b"missed")
        key, value = ffi.new("uint32_t *"), ffi.new("uint64_t *")
        checked(library().bpf_map_lookup_elem(fd, key, value), "reading losses")
        missed = int(value[0])
        is_lost, self._missed = missed > self._missed, missed
        pids, self._pids = frozenset(self._pids), set()
        return pids, is_lost

    def close(self) -> None:
        """Detach and unload; closing twice is fine."""
        while self._links:
            library().bpf_link__destroy(self._links.pop())
        if self._ring:
            library().ring_buffer__free(self._ring)
            self._ring = ffi.NULL
        if self._object:
            library().bpf_object__close(self._object)
            self._object = ffi.NULL
