"""
Keeps a table equal to what the API server holds of one resource: one list, then one watch.

In: an `Api`.  Out: a `Table` in step, and a `Condition` that says how fresh it is.
The end of a watch is ordinary: the server closes slow ones without a word. Then the next goes on
from the last version, and only a version that is gone makes a new list.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from podwire.kube.api import GONE, Api, ApiError, Garbled, Gone, Refused
from podwire.kube.read import text
from podwire.kube.table import Table
from podwire.model.cluster import Thing

Kind = TypeVar("Kind", bound=Thing)

log = logging.getLogger(__name__)

PAGE = 500
"""Objects a page: about 2 MB of pods."""

WATCH_S = 240.0
"""How long a watch is asked for; the server may end it before."""

GRACE_S = 15.0
"""What a watch may last beyond that before its silence is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to wait before trying again."""

    first_s: float = 0.5
    longest_s: float = 30.0
    settled_s: float = 5.0
    """A watch that lasted so long was a good one: the next failure is the first again."""

    def delay_s(self, failures: int, asked_s: float = 0.0) -> float:
        """After so many failures in a row; the half of it is chance, so that agents spread."""
        most = min(self.longest_s, self.first_s * float(2 ** min(failures - 1, 16)))
        return max(asked_s, most / 2) + random.uniform(0, most / 2)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class Resource(Generic[Kind]):
    """One kind of object: where it is listed and how it is read."""

    name: str
    path: str
    read: Callable[[Any], Kind | None]
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Condition:
    """How a table stands to the server, for operators."""

    state: str = "starting"
    """`starting`, `listing`, `watching`, or what went wrong last."""

    is_synced: bool = False
    """A list was read whole at least once."""

    heard_s: float = 0.0
    """Monotonic time of the last sign of the server about this resource; 0 for never."""

    counts: Counter[str] = field(default_factory=Counter)


class Follower(Generic[Kind]):
    """One resource; `run` it until cancelled."""

    def __init__(
        self,
        api: Api,
        resource: Resource[Kind],
        table: Table[Kind],
        *,
        pace: Pace | None = None,
        page: int = PAGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._resource = resource
        self._table = table
        self._pace = pace or Pace()
        self._page = page
        self._clock = clock
        self._version = ""
        self._failures = 0
        self._is_failing = False
        self.condition = Condition()

    @property
    def name(self) -> str:
        """Of the resource."""
        return self._resource.name

    @property
    def known(self) -> int:
        """How many objects there are."""
        return len(self._table)

    async def run(self) -> None:
        """List and watch for ever; failures only make it wait."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ApiError as error:
                await self._recover(error)

    async def _recover(self, error: ApiError) -> None:
        self._failures += 1
        self.condition.counts[f"failed_{error.reason}"] += 1
        if isinstance(error, Gone | Garbled):
            self._version = ""
        if not isinstance(error, Gone):
            self._complain(str(error))
        asked_s = error.retry_after_s if isinstance(error, Refused) else 0.0
        await asyncio.sleep(self._pace.delay_s(self._failures, asked_s))

    def _complain(self, what: str) -> None:
        if not self._is_failing:
            log.warning("%s are not up to date, trying again: %s", self.name, what)
        self._is_failing = True
        self.condition.state = what

    async def _list(self) -> None:
        """Every page into the table; what was there before and is in no page goes."""
        if not self._is_failing:
            self.condition.state = "listing"
        self.condition.counts["lists"] += 1
        uids: set[str] = set()
        query = {**self._resource.query, "limit": str(self._page)}
        while True:
            page = await self._api.page(self._resource.path, query)
            found = self._read_all(page)
            self._table.list(found)
            uids.update(each.uid for each in found)
            self._hear()
            if not (token := text(page, "metadata", "continue")):
                break
            query["continue"] = token
        self._table.keep_only(uids)
        self._version = text(page, "metadata", "resourceVersion")
        if not self._version:
            raise Garbled(f"a list of {self._resource.name} has no version")
        self.condition.is_synced = True
        self._hear()

    def _read_all(self, page: Mapping[str, Any]) -> list[Kind]:
        objects = page.get("items", ())
        if objects is None:
            objects = ()
        if not isinstance(objects, list | tuple):
            raise Garbled(f"a list of {self._resource.name} has no items")
        found = [self._resource.read(each) for each in objects]
        self.condition.counts["unreadable"] += found.count(None)
        return [each for each in found if each is not None]

    async def _watch(self) -> None:
        lasts_s = WATCH_S * random.uniform(0.8, 1.2)  # noqa: S311 - spreads agents
        query = {
            **self._resource.query,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(lasts_s)),
        }
        began_s = self._clock()
        self.condition.counts["watches"] += 1
        silence_s = lasts_s + GRACE_S
        async with aclosing(
            self._api.events(self._resource.path, query, silence_s=silence_s)
        ) as events:
            async for event in events:
                self._take(event)
        self._hear()
        if self._clock() - began_s >= self._pace.settled_s:
            self._failures = 0
            return
        self._failures += 1  # a server that ends every watch at once must not be hammered
        await asyncio.sleep(self._pace.delay_s(self._failures))

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, content = event.get("type"), event.get("object")
        if kind == "ERROR":
            raise _error(content)
        self._hear()
        self._failures = 0
        self._version = _newer(self._version, text(content, "metadata", "resourceVersion"))
        if kind == "BOOKMARK":
            return
        found = self._resource.read(content)
        self.condition.counts["events"] += 1
        if found is None:
            self.condition.counts["unreadable"] += 1
        elif kind == "DELETED":
            self._table.remove(found)
        elif kind in ("ADDED", "MODIFIED"):
            self._table.put(found)
        else:
            self.condition.counts["unknown_events"] += 1

    def _hear(self) -> None:
        self.condition.heard_s = self._clock()
        if self.condition.is_synced:
            self.condition.state = "watching"
            if self._is_failing:
                log.warning("%s are up to date again", self.name)
            self._is_failing = False


def _newer(known: str, told: str) -> str:
    """
    The version to go on from; one that is no number is taken as it comes.

    >>> _newer("227", "99"), _newer("227", "228"), _newer("227", "")
    ('227', '228', '227')
    """
    if known.isdigit() and told.isdigit():
        return max(known, told, key=int)
    return told or known


def _error(content: Any) -> ApiError:
    code = content.get("code") if isinstance(content, dict) else None
    message = text(content, "message") or "the watch failed without saying why"
    if code == GONE:
        return Gone(message)
    return Refused(code if isinstance(code, int) else 500, message, 0.0)
