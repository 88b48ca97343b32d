"""
What happened for a reason, by that reason.

In: the map of reasons, whole.  Out: what each slot gained.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import numpy as np

from podwire.capture.decode import Reasons
from podwire.capture.library import ffi, library, text
from podwire.capture.table import Array, Table

ENUM = 6


class Tally:
    """Remembers the last reading of the map."""

    def __init__(self, fd: int, key: np.dtype[Any], kinds: Mapping[str, int]) -> None:
        self._table = Table(fd, key, np.dtype("<u8"))
        self._kinds = {number: name for name, number in kinds.items()}
        self._before: dict[bytes, int] = {}

    def take(self) -> dict[int, Reasons]:
        """What is new, by slot."""
        found: dict[int, Reasons] = defaultdict(Reasons)
        keys, counts = self._table.read()
        for key, count in zip(keys, counts.tolist(), strict=True):
            gained = count - self._before.get(key.tobytes(), 0)
            self._before[key.tobytes()] = count
            if gained:
                self._add(found[int(key["slot"])], key, gained)
        return found

    def _add(self, reasons: Reasons, key: Any, gained: int) -> None:
        number = int(key["reason"])
        match self._kinds[int(key["what"])]:
            case "WHAT_DROP":
                reasons.drops[drop_reasons().get(number, str(number))] = gained
            case "WHAT_CONNECT_FAILED":
                reasons.failures[number] = gained
            case _:
                reasons.unpaired[number] = gained

    def forget(self, slots: Collection[int]) -> None:
        """These slots are somebody else's from now on."""
        if not slots:
            return
        for packed in list(self._before):
            key: Array = np.frombuffer(packed, self._table.key)
            if int(key[0]["slot"]) in slots:
                self._table.remove(key)
                del self._before[packed]


@cache
def drop_reasons() -> Mapping[int, str]:
    """Why this kernel drops packets: its own names, in small letters."""
    kernel = library().btf__load_vmlinux_btf()
    if not kernel:
        return {}
    found = library().btf__find_by_name_kind(kernel, b"skb_drop_reason", ENUM)
    names = {} if found < 0 else _names(kernel, library().btf__type_by_id(kernel, found))
    library().btf__free(kernel)
    return names


def _names(kernel: Any, kind: Any) -> dict[int, str]:
    entries = ffi.cast("struct btf_enum *", kind + 1)
    count = kind.info & 0xFFFF
    return {
        entries[at].val: text(library().btf__name_by_offset(kernel, entries[at].name_off))
        .removeprefix("SKB_DROP_REASON_")
        .lower()
        for at in range(count)
    }
