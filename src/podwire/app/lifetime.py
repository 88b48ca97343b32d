"""
How a podwire program ends: on SIGINT, SIGTERM and a closed terminal, in order, and once.

In: a coroutine that runs until cancelled.  Out: its clean end.
"""

import asyncio
import logging
import signal
from collections.abc import Coroutine


def run(main: Coroutine[object, object, None]) -> None:
    """Run until it ends or a signal asks it to; a second signal ends at once."""
    asyncio.run(_until_signal(main))


async def _until_signal(main: Coroutine[object, object, None]) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(main)
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means: do not end
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, _stop, task, number)
    try:
        await task
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("stopped")


def _stop(task: asyncio.Task[None], number: signal.Signals) -> None:
    asyncio.get_running_loop().remove_signal_handler(number)
    task.cancel()


def log_to_stderr(*, verbose: bool) -> None:
    """One line a message, warnings and above of others' libraries."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname).1s %(name)s: %(message)s"
    )
    logging.getLogger("podwire").setLevel(logging.DEBUG if verbose else logging.INFO)
