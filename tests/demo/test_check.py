"""The check waits as long as something may still arrive, and no longer."""

import time

from demo.books import TruthfulBackend, ledger
from podwire.demo.check import Source, check


async def test_the_last_window_is_waited_for() -> None:
    """A backend that answers late is asked again. The backend is a fake of GraphQL's answers."""
    backend: Source = TruthfulBackend(silent=1)

    verdict = await check(backend, ledger(), "http://there", patience_s=5)

    assert verdict.ok
    assert {"ok", "families", "edges", "address"} == verdict.document().keys()
    assert {"name", "measured", "truth", "ok"} == verdict.document()["families"][0].keys()
    assert {"source", "target", "protocol", "tls", "real_target"} == (
        verdict.document()["edges"][0].keys()
    )


async def test_a_backend_that_stays_silent_is_given_up() -> None:
    """When nothing changes any more, what there is is the verdict."""
    started_s = time.monotonic()

    verdict = await check(TruthfulBackend(silent=99), ledger(), "http://there", patience_s=0.5)

    assert not verdict.ok
    assert time.monotonic() - started_s < 30
