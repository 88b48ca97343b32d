"""
The HTTP side of the backend: GraphQL, health, the page.

In: requests on port 12800.  Out: answers as SkyWalking's clients expect them: GraphQL errors come
with status 200 and a message.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ariadne import ScalarType, graphql, load_schema_from_path, make_executable_schema
from graphql import GraphQLError, GraphQLSchema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from podwire.model.metric import Metric
from podwire.query import metadata, metric, server, task, topology
from podwire.query.context import Context
from podwire.query.limit import depth_limit
from podwire.query.load import PointLoader
from podwire.query.source import Source

SCHEMA = Path(__file__).parent / "schema"
MAX_REQUEST_BYTES = 1024 * 1024
NO_PAGE = "The page is not built: run `make ui` and start the backend again.\n"

long_scalar = ScalarType("Long", serializer=int, value_parser=int)


def schema() -> GraphQLSchema:
    """The executable schema; the SDL files are the truth."""
    return make_executable_schema(
        load_schema_from_path(str(SCHEMA)),
        long_scalar,
        *(module.query for module in (metadata, metric, server, task, topology)),
        *(module.mutation for module in (server, task)),
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
) -> Starlette:
    """The application; `page` is the folder of the built page, if there is one."""
    executable = schema()

    async def answer(request: Request) -> Response:
        data = await _read(request)
        if isinstance(data, str):
            return JSONResponse({"errors": [{"message": data}]})
        context = Context(source, metrics, PointLoader(source), now_ms)
        _, result = await graphql(
            executable,
            data,
            context_value=context,
            validation_rules=[depth_limit],
            error_formatter=_message,
        )
        return JSONResponse(result)

    async def health(request: Request) -> Response:
        del request
        await source.services()
        return PlainTextResponse("ok\n")

    routes = [
        Route("/graphql", answer, methods=["POST"]),
        Route("/healthcheck", health),
        *_page_routes(page),
    ]
    return Starlette(routes=routes)


async def _read(request: Request) -> dict[str, Any] | str:
    """The request's JSON, or what is wrong with it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            return f"the request is larger than {MAX_REQUEST_BYTES} bytes"
    try:
        data = json.loads(body)
    except ValueError as error:
        return f"the request is not JSON: {error}"
    if not isinstance(data, dict) or not isinstance(data.get("query"), str):
        return 'the request must be a JSON object with a text "query"'
    return data


def _message(error: GraphQLError, debug: bool = False) -> dict[str, Any]:  # noqa: FBT002
    """A message and its place; nothing of our insides."""
    del debug
    return {
        "message": error.message,
        **({"path": list(error.path)} if error.path else {}),
        **({"locations": [loc.formatted for loc in error.locations]} if error.locations else {}),
    }


def _page_routes(page: Path | None) -> list[Route | Mount]:
    if page is None:
        return [Route("/", lambda _: PlainTextResponse(NO_PAGE, 503))]
    index = page / "index.html"
    return [
        Route("/", lambda _: FileResponse(index, headers={"Cache-Control": "no-cache"})),
        Mount("/", StaticFiles(directory=page)),
    ]
