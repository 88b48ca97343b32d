"""
Asking a backend over GraphQL, ours or a real OAP.

In: an address, an operation and its variables.  Out: the `data` of the answer.
"""

from collections.abc import Mapping
from typing import Any


class Unanswered(ConnectionError):
    """No backend answers there; the operator must start it or correct the address."""


class Refused(ValueError):
    """The backend answered with an error; its message says what it did not like."""


def ask(address: str, operation: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    The `data` of one operation at `http://HOST:PORT`.

    Raises `Unanswered` and `Refused`.
    """
    import httpx  # an agent that never asks need not hold it: 7 MB

    try:
        response = httpx.post(
            f"{address}/graphql",
            json={"query": operation, "variables": dict(variables or {})},
            timeout=10,
            trust_env=False,
        )
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unanswered(f"no backend answers at {address}/graphql: {error}") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("errors") or [], list):
        raise Unanswered(f"what answers at {address}/graphql is not a backend")
    if answer.get("errors"):
        raise Refused("; ".join(str(error.get("message")) for error in answer["errors"]))
    return dict(answer.get("data") or {})
