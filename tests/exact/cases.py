"""Every case, in the order of the table."""

from exact import (
    cable,
    calls,
    clock,
    counters,
    edges,
    ordinary,
    picked,
    plaintext,
    programs,
    secure,
    sockets,
    unread,
    whole,
)
from exact.case import CASES

MODULES = (
    ordinary,
    edges,
    calls,
    sockets,
    programs,
    secure,
    plaintext,
    unread,
    cable,
    counters,
    clock,
    picked,
    whole,
)
GROUPS = {module.__name__.rpartition(".")[2]: (module.__doc__ or "").strip() for module in MODULES}
"""What each group of cases says of itself."""

ALL = sorted(CASES.values(), key=lambda case: list(GROUPS).index(case.group))
