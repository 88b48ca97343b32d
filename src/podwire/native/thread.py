"""Names for threads, as `top -H` and benchmarks see them."""

import threading
from pathlib import Path


def name_thread(name: str) -> None:
    """Call the thread that runs this by a name of at most 15 letters."""
    try:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name[:15])
    except OSError:  # no /proc: nobody looks there either
        return
