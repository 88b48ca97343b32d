"""
The HTTP side of the backend: GraphQL, health, the page.

In: requests on port 12800.  Out: answers as SkyWalking's clients expect them: what GraphQL itself
refuses comes with status 200 and a message, what is no GraphQL request with the status that HTTP
has for it and the same shape.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from inspect import isawaitable
from pathlib import Path
from typing import Any

from ariadne import ScalarType, load_schema_from_path, make_executable_schema
from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from podwire.model.metric import Metric
from podwire.query.answer import (
    audit,
    continuous,
    dashboard,
    empty,
    endpoint,
    metadata,
    metric,
    profiling,
    record,
    server,
    task,
    tls,
    topology,
    trace,
    value,
)
from podwire.query.context import Context
from podwire.query.document import Documents
from podwire.query.load import PointLoader
from podwire.query.plain import Executor
from podwire.query.question import NoQuestion, Question, read
from podwire.query.source import Source
from podwire.query.traffic import Traffic

log = logging.getLogger(__name__)

SCHEMA = Path(__file__).parent / "schema"
NO_PAGE = "The page is not built: run `make ui` and start the backend again.\n"
FAILED_INSIDE = "podwire failed inside; its log says why"


def _long(value: object) -> int:
    """A whole number, also as text: JavaScript's own have 53 bits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("Long is a whole number")
    return int(value)


long_scalar = ScalarType("Long", serializer=int, value_parser=_long)

MODULES = (
    audit, continuous, dashboard, empty, endpoint, metadata, metric, profiling, record, server,
    task, tls, topology, trace, value,
)  # fmt: skip


@cache
def schema() -> GraphQLSchema:
    """The executable schema; the SDL files are the truth."""
    return make_executable_schema(
        load_schema_from_path(str(SCHEMA)),
        long_scalar,
        *(module.query for module in MODULES),
        *(module.mutation for module in (continuous, empty, server, task)),
    )


def now_ms() -> int:
    """Wall clock, in milliseconds."""
    return time.time_ns() // 1_000_000


def application(
    source: Source,
    *,
    metrics: Mapping[str, Metric],
    page: Path | None,
    now_ms: Callable[[], int] = now_ms,
    traffic: Traffic | None = None,
    failures: tuple[type[Exception], ...] = (OSError,),
) -> Starlette:
    """
    The application.

    `page` is the folder of the built page, if there is one; `failures` are what the source raises
    when it cannot answer at all.
    """
    counted = traffic or Traffic()

    def context(request: Request) -> Context:
        who = request.client.host if request.client else "unknown"
        loader = PointLoader(source)
        return Context(source, metrics, loader, now_ms, asyncio.Lock(), who, failures)

    async def health(request: Request) -> Response:
        del request
        try:
            await source.services()
        except failures:
            log.exception("the store does not answer")
            return PlainTextResponse(f"{server.NO_STORE}\n", 503)
        return PlainTextResponse("ok\n")

    routes = [
        Route("/graphql", _graphql(schema(), context, counted), methods=["POST"]),
        Route("/healthcheck", health),
        *_page_routes(page),
    ]
    return Starlette(routes=routes)


def _graphql(
    executable: GraphQLSchema, context: Callable[[Request], Context], traffic: Traffic
) -> Callable[[Request], Awaitable[Response]]:
    documents = Documents(executable)

    async def answer(request: Request) -> Response:
        with traffic.asked():
            try:
                question = await read(request)
            except NoQuestion as error:
                traffic.refused(error.reason)
                return _json({"errors": [{"message": str(error)}]}, error.status)
            result = await _execute(executable, documents, question, context(request))
            if result.errors:
                traffic.failed()
            return _json(_shape(result))

    return answer


async def _execute(
    schema: GraphQLSchema, documents: Documents, question: Question, context: Context
) -> ExecutionResult:
    """The data, the errors, or both."""
    document = documents.read(question.query)
    if not isinstance(document, DocumentNode):
        return ExecutionResult(None, list(document))
    result = execute(
        schema,
        document,
        context_value=context,
        variable_values=question.variables,
        operation_name=question.operation,
        executor_class=Executor,
    )
    return await result if isawaitable(result) else result


def _shape(result: ExecutionResult) -> dict[str, Any]:
    """As OAP answers: data where there is any, and messages."""
    shape: dict[str, Any] = {}
    if result.data is not None:
        shape["data"] = result.data
    if result.errors:
        shape["errors"] = [{"message": _message(each)} for each in result.errors]
    return shape


def _message(error: GraphQLError) -> str:
    """What is wrong, with its place in the query; nothing of our insides."""
    original = error.original_error
    if original is not None and not isinstance(original, ValueError | GraphQLError):
        log.error("a query failed inside at %s", error.path, exc_info=original)
        return FAILED_INSIDE
    if original is None and error.locations:
        line, column = error.locations[0]
        return f"{error.message} (line {line}, column {column})"
    return error.message


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, media_type="application/json; charset=utf-8")


def _page_routes(page: Path | None) -> list[Route | Mount]:
    if page is None:
        return [Route("/", lambda _: PlainTextResponse(NO_PAGE, 503))]
    index = page / "index.html"
    return [
        Route("/", lambda _: FileResponse(index, headers={"Cache-Control": "no-cache"})),
        Mount("/", StaticFiles(directory=page)),
    ]
