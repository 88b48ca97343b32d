"""What resolvers share during one request."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLResolveInfo

from podwire.model.metric import Metric
from podwire.query.load import PointLoader
from podwire.query.source import Source

if TYPE_CHECKING:  # generic for mypy alone
    Info = GraphQLResolveInfo[Any]
else:
    Info = GraphQLResolveInfo


@dataclass(frozen=True, slots=True)
class Context:
    """Made anew for each request."""

    source: Source
    metrics: Mapping[str, Metric]
    loader: PointLoader
    now_ms: Callable[[], int]
    turn: asyncio.Lock
    """Held while an expression is evaluated, so that others get the event loop in between."""

    who: str
    """The address that asks."""

    failures: tuple[type[Exception], ...] = (OSError,)
    """What the source raises when it cannot answer, whatever it is asked."""


def context_of(info: Info) -> Context:
    """The request's context."""
    context = info.context
    assert isinstance(context, Context)  # noqa: S101 - the application put it there
    return context


def source_of(info: Info) -> Source:
    """The request's way to storage."""
    return context_of(info).source
