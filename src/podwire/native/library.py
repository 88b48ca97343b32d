"""The compiled library of this machine, if there is one."""

import ctypes
import os
import platform
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OBJECTS = Path(__file__).parent / "object"
SWITCH = "PODWIRE_NATIVE"
"""Environment variable; `0` does without the library."""

_LONG, _POINTER = ctypes.c_int64, ctypes.c_void_p

SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "add_longs": (None, (_POINTER, _POINTER, _LONG, _POINTER)),
    "bounds_from": (None, (_POINTER, _LONG, _POINTER)),
    "count_samples": (None, (_POINTER, _POINTER, _POINTER, _POINTER, _LONG)),
    "fill_samples": (None, (_POINTER,) * 6),
    "group_keys": (_LONG, (_POINTER, _LONG, _POINTER, _POINTER)),
    "known_bounds": (_LONG, (_POINTER,)),
    "known_labels": (_LONG, (_POINTER,)),
    "known_names": (_LONG, (_POINTER,)),
    "learn_labels": (ctypes.c_int, (_POINTER, _LONG, _LONG)),
    "learn_name": (ctypes.c_int, (_POINTER, _LONG, _LONG)),
    "scan": (_LONG, (_POINTER, ctypes.c_char_p, _POINTER, _LONG, _POINTER)),
    "scanner_forget": (None, (_POINTER,)),
    "scanner_forget_names": (None, (_POINTER,)),
    "scanner_free": (None, (_POINTER,)),
    "scanner_new": (_POINTER, (_POINTER,)),
    "settle_meter": (ctypes.c_int, (_POINTER, _LONG)),
    "unknown_meters": (_LONG, (_POINTER, _POINTER)),
}
"""What each function gives and takes."""


@cache
def library_or_none() -> ctypes.CDLL | None:
    """The library; None where there is none for this machine, or it is switched off."""
    path = OBJECTS / f"native-{platform.machine()}.so"
    if os.environ.get(SWITCH) == "0" or not path.is_file():
        return None
    try:
        library = ctypes.CDLL(str(path))
    except OSError:  # another libc than the one it was built for
        return None
    for name, (result, parameters) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, parameters
    return library


def address(column: NDArray[np.generic]) -> int:
    """Where a column lies; the caller keeps it alive."""
    return int(column.ctypes.data)
