"""
The methods that closures may call, as tables by the type they are called on.

In: a receiver and its arguments.  Out: a value; `SampleError` for what Java would throw.
Adding a method is adding a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from podwire.mal.closure import java


class Type(StrEnum):
    """What a value of a closure is, as far as its text tells."""

    TEXT = "a text"
    TEXTS = "texts"
    ROWS = "rows of texts"
    NUMBER = "a number"
    TRUTH = "a truth"
    LABELS = "labels"
    ENTITY = "an entity"
    LAYER = "a layer"
    NULL = "null"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class Method:
    """What it takes and gives; `optional` of the last parameters may be left out."""

    parameters: tuple[Type, ...]
    result: Type
    run: Callable[..., Any]
    optional: int = 0


def _char_at(text: str, at: int) -> str:
    return text[_index(text, at, len(text) - 1)]


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = _index(text, len(text) if end is None else end, len(text))
    return text[_index(text, start, stop) : stop]


def _index(text: str, at: int, last: int) -> int:
    if not 0 <= at <= last:
        raise IndexError(f"{at} is outside a text of {len(text)}")
    return at


def _index_of(text: str, part: str, start: int = 0) -> int:
    return text.find(part, max(0, start))


def _last_index_of(text: str, part: str) -> int:
    return text.rfind(part)


def _replace_first(text: str, pattern: str, replacement: str) -> str:
    return java.replace(pattern, replacement, text, 1)


def _replace_all(text: str, pattern: str, replacement: str) -> str:
    return java.replace(pattern, replacement, text)


def _split(text: str, pattern: str, limit: int = 0) -> list[str]:
    return java.split(pattern, text, limit)


def _matches(text: str, pattern: str) -> bool:
    return java.compile_regex(pattern).fullmatch(text) is not None


def _compare(one: str, other: str) -> int:
    """The difference of the first characters that differ, else of the lengths."""
    for left, right in zip(one, other, strict=False):
        if left != right:
            return ord(left) - ord(right)
    return len(one) - len(other)


def _repeat(text: str, count: int) -> str:
    if not 0 <= count * len(text) <= REPEAT_LIMIT:
        raise ValueError(f"{count} times is too long or negative")
    return text * count


REPEAT_LIMIT = 10_000

T = Type

TEXT_METHODS: Mapping[str, Method] = {
    "charAt": Method((T.NUMBER,), T.TEXT, _char_at),
    "compareTo": Method((T.TEXT,), T.NUMBER, _compare),
    "concat": Method((T.TEXT,), T.TEXT, lambda text, other: text + other),
    "contains": Method((T.TEXT,), T.TRUTH, lambda text, part: part in text),
    "endsWith": Method((T.TEXT,), T.TRUTH, str.endswith),
    "equals": Method((T.ANY,), T.TRUTH, lambda text, other: text == other),
    "equalsIgnoreCase": Method(
        (T.ANY,), T.TRUTH, lambda text, other: other is not None and text.lower() == other.lower()
    ),
    "indexOf": Method((T.TEXT, T.NUMBER), T.NUMBER, _index_of, optional=1),
    "isBlank": Method((), T.TRUTH, lambda text: not text.strip()),
    "isEmpty": Method((), T.TRUTH, lambda text: not text),
    "lastIndexOf": Method((T.TEXT,), T.NUMBER, _last_index_of),
    "length": Method((), T.NUMBER, len),
    "matches": Method((T.TEXT,), T.TRUTH, _matches),
    "repeat": Method((T.NUMBER,), T.TEXT, _repeat),
    "replace": Method((T.TEXT, T.TEXT), T.TEXT, str.replace),
    "replaceAll": Method((T.TEXT, T.TEXT), T.TEXT, _replace_all),
    "replaceFirst": Method((T.TEXT, T.TEXT), T.TEXT, _replace_first),
    "split": Method((T.TEXT, T.NUMBER), T.TEXTS, _split, optional=1),
    "startsWith": Method((T.TEXT,), T.TRUTH, str.startswith),
    "strip": Method((), T.TEXT, str.strip),
    "substring": Method((T.NUMBER, T.NUMBER), T.TEXT, _substring, optional=1),
    "toLowerCase": Method((), T.TEXT, str.lower),
    "toString": Method((), T.TEXT, str),
    "toUpperCase": Method((), T.TEXT, str.upper),
    "trim": Method((), T.TEXT, java.trim),
}

REGEX_METHODS = frozenset({"matches", "replaceAll", "replaceFirst", "split"})
"""Their first argument is a regular expression."""

LABEL_METHODS: Mapping[str, Method] = {
    "containsKey": Method((T.TEXT,), T.TRUTH, lambda tags, key: key in tags),
    "get": Method((T.TEXT,), T.TEXT, lambda tags, key: tags.get(key)),
    "getOrDefault": Method((T.TEXT, T.TEXT), T.TEXT, lambda tags, key, other: tags.get(key, other)),
    "isEmpty": Method((), T.TRUTH, lambda tags: not tags),
    "put": Method((T.TEXT, T.TEXT), T.TEXT, lambda tags, key, value: tags.update({key: value})),
    "remove": Method((T.TEXT,), T.TEXT, lambda tags, key: tags.pop(key, None)),
    "size": Method((), T.NUMBER, len),
}

ARRAY_METHODS: Mapping[str, Method] = {
    "length": Method((), T.NUMBER, len),
    "size": Method((), T.NUMBER, len),
}

LAYER_METHODS: Mapping[str, Method] = {
    "name": Method((), T.TEXT, str),
    "toString": Method((), T.TEXT, str),
}

METHODS: Mapping[Type, Mapping[str, Method]] = {
    T.TEXT: TEXT_METHODS,
    T.TEXTS: ARRAY_METHODS,
    T.ROWS: ARRAY_METHODS,
    T.LABELS: LABEL_METHODS,
    T.LAYER: LAYER_METHODS,
}

ENTITY_FIELDS: Mapping[str, Type] = {
    "layer": T.LAYER,
    "serviceName": T.TEXT,
    **{f"attr{number}": T.TEXT for number in range(6)},
}
"""What `decorate` sees of a service; it may set `attr0` to `attr5`."""
