"""
Runs one scene and prints its book: `python -m exact.player SCENE JSON`.

The scenes are functions of `serve`, `ask`, `hold`, `move`, `strange`; nothing here knows podwire.
"""

import json
import sys
from collections.abc import Callable

from exact import ask, hold, move, ring, serve, strange
from exact.line import Book

SCENES: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        *(ask.gets, ask.pieces, ask.pipelined, ask.expecting, ask.chunked, ask.gathered),
        *(ask.give_up, ask.half, ask.refused, ask.peeking, ask.background, ask.reset),
        *(ask.reset_idle, ring.ringing, ring.ring_dialing, ring.ring_failing),
        ring.ring_welcoming,
        *(ask.half_close, ask.early, ask.tunnel, ask.older, ask.secured),
        *(hold.holding, hold.pushing, hold.swallowing),
        *(move.move, serve.serve, strange.blocked, strange.forking, strange.passing),
        *(strange.batches, strange.babble, strange.repeating, strange.handing_down),
    )
}


def main() -> None:
    scene, settings = sys.argv[1:]
    book = Book()
    SCENES[scene](book, **json.loads(settings))
    print(json.dumps(book.counts), flush=True)


if __name__ == "__main__":
    main()
