"""Continuous profiling policies, in the real embedded engine."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from podwire.model.policy import Check, Monitor, Policy, Target
from podwire.storage import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[Store]:
    """A store that only this file uses."""
    opened = await Store.open("chdb://memory")
    yield opened
    await opened.close()


def policy(service: str, threshold: str) -> Policy:
    """One check of everything a check can say."""
    check = Check(
        monitor=Monitor.HTTP_ERROR_RATE,
        threshold=threshold,
        period_s=10,
        count=3,
        uris=("/a", "/b"),
        uri_regex="/c.*",
    )
    return Policy(service, (Target("NETWORK", (check,)), Target("ON_CPU", ())))


async def test_a_policy_comes_back_as_it_was_set(store: Store) -> None:
    """With every field, and with the same identity."""
    await store.write_policy(policy("kept", "5"), 1000)

    (found,) = await store.policies(["kept", "never"])
    assert policy("kept", "5") == found
    assert policy("kept", "5").uuid == found.uuid


async def test_the_newest_policy_of_a_service_holds(store: Store) -> None:
    """Whatever order the rows are read in; its identity tells it from the one before."""
    await store.write_policy(policy("twice", "5"), 2000)
    await store.write_policy(policy("twice", "4"), 1000)

    (found,) = await store.policies(["twice"])
    assert "5" == found.targets[0].checks[0].threshold
    assert policy("twice", "4").uuid != found.uuid


async def test_a_policy_without_targets_is_told_apart_from_none(store: Store) -> None:
    """An agent that has the old one must hear that nothing is watched any more."""
    await store.write_policy(policy("cleared", "5"), 1000)
    await store.write_policy(Policy("cleared", ()), 2000)

    assert [Policy("cleared", ())] == list(await store.policies(["cleared"]))
