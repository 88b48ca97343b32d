"""
A question in an HTTP request.

In: headers and body.  Out: the query, its variables and which operation is meant, or `NoQuestion`
with the status that HTTP has for what is wrong.
"""

import json
from dataclasses import dataclass
from email.message import Message
from typing import Any

from starlette.requests import Request

MAX_REQUEST_BYTES = 1024 * 1024


class NoQuestion(ValueError):
    """The request is no GraphQL request; whoever sent it must act."""

    def __init__(self, reason: str, status: int, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked."""

    query: str
    variables: dict[str, Any] | None
    operation: str | None


async def read(request: Request) -> Question:
    """The question. Raises `NoQuestion`."""
    _check_type(request.headers.get("content-type", ""))
    data = _parse(await _body(request))
    query, variables = data.get("query"), data.get("variables")
    if not isinstance(query, str):
        raise NoQuestion("shape", 400, 'the request must be a JSON object with a text "query"')
    if not isinstance(variables, dict | None):
        raise NoQuestion("shape", 400, '"variables" must be a JSON object')
    operation = data.get("operationName")
    if not isinstance(operation, str | None):
        raise NoQuestion("shape", 400, '"operationName" must be text')
    return Question(query, variables, operation or None)


def _check_type(header: str) -> None:
    message = Message()
    message["content-type"] = header
    charset = str(message.get_param("charset") or "utf-8")
    if message.get_content_type() != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        raise NoQuestion(
            "content_type",
            415,
            f"the content type {header!r} is not taken: send application/json in UTF-8",
        )


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise NoQuestion("size", 413, f"the request is larger than {MAX_REQUEST_BYTES} bytes")
    return bytes(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode()
        data = json.loads(text, parse_constant=_no_number)
        if "\\u" in text:  # half a surrogate pair is no text that could be kept or answered
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise NoQuestion("json", 400, f"the request is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise NoQuestion("shape", 400, 'the request must be a JSON object with a text "query"')
    return data


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
