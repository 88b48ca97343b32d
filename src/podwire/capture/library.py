"""
libbpf through its C ABI.

In: the shared library that the wheel brings, else the system's.  Out: `LIB` calls, errors as
`Unavailable`.
"""

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from podwire.model.flow import Unmeasured

OURS = Path(__file__).parent / "object" / f"libbpf-{platform.machine()}.so"

SYSTEMS = "libbpf.so.1"
"""The name that the linker finds an installed one under, whatever its minor version."""

ffi = cffi.FFI()
ffi.cdef(
    """
    struct bpf_object; struct bpf_program; struct bpf_link; struct btf;
    struct bpf_insn; struct bpf_map;
    int libbpf_set_print(void *fn);
    const char *libbpf_version_string(void);
    int libbpf_probe_bpf_helper(int program_type, int helper, const void *opts);
    int libbpf_register_prog_handler(const char *section, int type, int attach_type,
                                     const void *opts);
    int libbpf_unregister_prog_handler(int handler);
    struct bpf_object *bpf_object__open_file(const char *path, const void *opts);
    int bpf_object__load(struct bpf_object *);
    void bpf_object__close(struct bpf_object *);
    const struct btf *bpf_object__btf(const struct bpf_object *);
    int bpf_object__find_map_fd_by_name(const struct bpf_object *, const char *name);
    struct bpf_map *bpf_object__next_map(const struct bpf_object *, const struct bpf_map *);
    int bpf_map__fd(const struct bpf_map *);
    struct bpf_program *bpf_object__next_program(const struct bpf_object *, struct bpf_program *);
    const char *bpf_program__name(const struct bpf_program *);
    const char *bpf_program__section_name(const struct bpf_program *);
    int bpf_program__set_autoload(struct bpf_program *, bool);
    bool bpf_program__autoload(const struct bpf_program *);
    size_t bpf_program__insn_cnt(const struct bpf_program *);
    int bpf_program__fd(const struct bpf_program *);
    int bpf_program__set_log_buf(struct bpf_program *, char *log, size_t size);
    void bpf_program__unload(struct bpf_program *);
    const struct bpf_insn *bpf_program__insns(const struct bpf_program *);
    struct bpf_link *bpf_program__attach(const struct bpf_program *);
    struct bpf_link *bpf_program__attach_tracepoint(const struct bpf_program *,
                                                    const char *group, const char *name);
    struct bpf_link *bpf_program__attach_raw_tracepoint(const struct bpf_program *,
                                                        const char *name);
    struct bpf_link *bpf_program__attach_iter(const struct bpf_program *, const void *opts);
    struct bpf_iter_attach_opts { size_t sz; void *link_info; uint32_t link_info_len; };
    struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *, const char *name);
    int bpf_map__set_max_entries(struct bpf_map *, uint32_t);
    uint32_t bpf_map__max_entries(const struct bpf_map *);
    void *bpf_map__initial_value(struct bpf_map *, size_t *size);
    const char *bpf_map__name(const struct bpf_map *);
    int bpf_map__reuse_fd(struct bpf_map *, int fd);
    int bpf_program__set_expected_attach_type(struct bpf_program *, int type);
    struct bpf_uprobe_opts {
        size_t sz, ref_ctr_offset; uint64_t bpf_cookie; bool retprobe; const char *func_name;
    };
    struct bpf_link *bpf_program__attach_uprobe_opts(const struct bpf_program *, int pid,
        const char *path, size_t offset, const void *opts);
    int bpf_link__fd(const struct bpf_link *);
    int bpf_link__destroy(struct bpf_link *);
    int bpf_iter_create(int link_fd);
    struct btf_type { uint32_t name_off, info, size; };
    struct btf_enum { uint32_t name_off; int32_t val; };
    const struct btf_type *btf__type_by_id(const struct btf *, uint32_t id);
    const char *btf__name_by_offset(const struct btf *, uint32_t offset);
    struct ring_buffer;
    struct ring_buffer *ring_buffer__new(int fd, void *each, void *context, const void *opts);
    int ring_buffer__consume(struct ring_buffer *);
    int ring_buffer__epoll_fd(const struct ring_buffer *);
    void ring_buffer__free(struct ring_buffer *);
    struct bpf_test_run_opts {
        size_t sz;
        const void *data_in; void *data_out; uint32_t data_size_in, data_size_out;
        const void *ctx_in; void *ctx_out; uint32_t ctx_size_in, ctx_size_out;
        uint32_t retval; int repeat; uint32_t duration, flags, cpu, batch_size;
    };
    int bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *opts);
    struct btf *btf__load_vmlinux_btf(void);
    int btf__find_by_name_kind(const struct btf *, const char *name, unsigned kind);
    const void *btf__raw_data(const struct btf *, unsigned *size);
    void btf__free(struct btf *);
    int bpf_map_update_elem(int fd, const void *key, const void *value, unsigned long long flags);
    int bpf_map_lookup_elem(int fd, const void *key, void *value);
    int bpf_map_delete_elem(int fd, const void *key);
    int bpf_map_get_next_key(int fd, const void *key, void *next);
    int bpf_map_update_batch(int fd, const void *keys, const void *values, uint32_t *count,
                             const void *opts);
    int bpf_map_delete_batch(int fd, const void *keys, uint32_t *count, const void *opts);
    int bpf_map_lookup_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values,
                             unsigned *count, const void *opts);
    """
)


class Unavailable(Unmeasured):
    """The system cannot measure; the message names what is missing and what gives it."""


@cache
def library() -> Any:
    """The loaded library. Raises `Unavailable`."""
    try:
        found: Any = ffi.dlopen(str(OURS) if OURS.exists() else SYSTEMS)
    except OSError as error:
        raise Unavailable("libbpf 1.x is missing; as root, run: apt-get install libbpf1") from error
    found.libbpf_set_print(ffi.NULL)
    # libbpf 1.1 frees its table of handlers with the last one and goes on using it: this one stays.
    found.libbpf_register_prog_handler(b"podwire/stays", 0, 0, ffi.NULL)
    return found


def origin() -> str:
    """The library's version, and whose it is. Raises `Unavailable`."""
    whose = "podwire's own" if OURS.exists() else "the system's"
    return f"{text(library().libbpf_version_string())}, {whose}"


def raw_btf(opened: Any) -> bytes:
    """The types of an object, as they lie in it."""
    size = ffi.new("unsigned *")
    raw = library().btf__raw_data(library().bpf_object__btf(opened), size)
    return bytes(ffi.buffer(raw, size[0]))


def checked(code: int, what: str) -> int:
    """A call's non-negative result. Raises OSError with what was tried."""
    if code < 0:
        raise OSError(-code, f"{what}: {os.strerror(-code)}")
    return code


def made(pointer: Any, what: str) -> Any:
    """What a call made. Raises OSError with what was tried when it made nothing."""
    if not pointer:
        raise OSError(ffi.errno, f"{what}: {os.strerror(ffi.errno)}")
    return pointer


def text(pointer: Any) -> str:
    """A C string."""
    found = ffi.string(pointer)
    return found.decode() if isinstance(found, bytes) else found
