"""
The language of names and conditions: words in braces, and tests on words. Nothing else.

    {pod.label app.kubernetes.io/name app | unnamed}.{pod.namespace}
    pod.container istio-proxy          container.name != istio-proxy          not pod.service

In: the operator's text.  Out: a `Template` or a `Condition`, ready to be asked of a `Subject`.
There is no code in it: a word reads one fact, and everything is checked before anything starts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from podwire.model.cluster import Container, Pod

OPERATORS = ("==", "!=", "~")


class TemplateError(ValueError):
    """The operator must correct a name or a condition; the message says where in it."""


class NotYet(LookupError):
    """The cluster has not told the fact yet: to be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One process and everything a word may tell of it."""

    pod: Pod
    container: Container | None
    """None while the container's name is not known."""

    service: str
    executable: str
    path: str
    command_line: str
    pid: int
    host: str
    host_ip: str
    cluster: str


def _container(subject: Subject) -> Container:
    if subject.container is None:
        raise NotYet
    return subject.container


def _label(subject: Subject, keys: Sequence[str]) -> str:
    labels = dict(subject.pod.labels)
    return next((labels[key] for key in keys if labels.get(key)), "")


def _has_container(subject: Subject, names: Sequence[str]) -> str:
    return next((each.name for each in subject.pod.containers if each.name in names), "")


def _workload(subject: Subject) -> str:
    return subject.pod.workload.name if subject.pod.workload else subject.pod.name


PLAIN: dict[str, Callable[[Subject], str]] = {
    "cluster": lambda subject: subject.cluster,
    "container.id": lambda subject: _container(subject).container_id,
    "container.name": lambda subject: _container(subject).name,
    "host.ip": lambda subject: subject.host_ip,
    "host.name": lambda subject: subject.host,
    "pod.ip": lambda subject: next(iter(subject.pod.addresses), ""),
    "pod.name": lambda subject: subject.pod.name,
    "pod.namespace": lambda subject: subject.pod.namespace,
    "pod.node": lambda subject: subject.pod.node,
    "pod.service": lambda subject: subject.service,
    "pod.workload": _workload,
    "process.command": lambda subject: subject.command_line,
    "process.name": lambda subject: subject.executable,
    "process.path": lambda subject: subject.path,
    "process.pid": lambda subject: str(subject.pid),
}
"""Words that stand alone."""

WITH_ARGUMENTS: dict[str, Callable[[Subject, Sequence[str]], str]] = {
    "pod.container": _has_container,
    "pod.label": _label,
}
"""Words that take names and tell of the first that is there."""

WORDS = sorted({*PLAIN, *WITH_ARGUMENTS})


@dataclass(frozen=True, slots=True)
class Word:
    """One fact to read."""

    name: str
    arguments: tuple[str, ...] = ()
    default: str = ""

    def read(self, subject: Subject) -> str:
        if self.arguments:
            return WITH_ARGUMENTS[self.name](subject, self.arguments) or self.default
        return PLAIN[self.name](subject) or self.default


@dataclass(frozen=True, slots=True)
class Template:
    """A name with words in it."""

    text: str
    parts: tuple[str | Word, ...]

    def render(self, subject: Subject) -> str:
        """The name of a subject. Raises `NotYet`."""
        return "".join(part if isinstance(part, str) else part.read(subject) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Condition:
    """One test; without an operator a word is true when it tells anything."""

    text: str
    word: Word
    is_negated: bool
    operator: str = ""
    operand: str = ""

    def holds(self, subject: Subject) -> bool:
        """Whether it is so. Raises `NotYet`."""
        return self._test(self.word.read(subject)) is not self.is_negated

    def _test(self, told: str) -> bool:
        match self.operator:
            case "==":
                return told == self.operand
            case "!=":
                return told != self.operand
            case "~":
                return re.search(self.operand, told) is not None
            case _:
                return bool(told)


def template(text: str) -> Template:
    """
    Read a name; `{{` and `}}` are braces. Raises `TemplateError`.

    >>> template("{pod.name}-{{x}}").parts
    (Word(name='pod.name', arguments=(), default=''), '-', '{', 'x', '}')
    >>> template("{pod.nmae}")
    Traceback (most recent call last):
    podwire.discovery.template.TemplateError: character 2: there is no word 'pod.nmae'; known are \
cluster, container.id, container.name, host.ip, host.name, pod.container, pod.ip, pod.label, \
pod.name, pod.namespace, pod.node, pod.service, pod.workload, process.command, process.name, \
process.path, process.pid
    """
    return Template(text, tuple(_parts(text)))


TOKENS = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<word>[^{}]*)\}|(?P<text>[^{}]+)|(?P<loose>[{}])")


def _parts(text: str) -> Iterator[str | Word]:
    for token in TOKENS.finditer(text):
        match token.lastgroup:
            case "brace":
                yield token["brace"][0]
            case "word":
                yield _word(token["word"], token.start("word") + 1)
            case "text":
                yield token["text"]
            case _:
                raise TemplateError(
                    f"character {token.start() + 1}: a brace without its other; "
                    "write {{ or }} for a brace itself"
                )


def _word(text: str, place: int) -> Word:
    told, bar, default = text.partition("|")
    name, *arguments = told.split() or [""]
    if name not in WORDS:
        raise TemplateError(
            f"character {place}: there is no word {name!r}; known are {', '.join(WORDS)}"
        )
    if name in PLAIN and arguments:
        raise TemplateError(f"character {place}: {name} stands alone, without {arguments[0]!r}")
    if name in WITH_ARGUMENTS and not arguments:
        raise TemplateError(f"character {place}: {name} needs at least one name after it")
    return Word(name, tuple(arguments), default.strip() if bar else "")


def condition(text: str) -> Condition:
    """
    Read a condition. Raises `TemplateError`.

    >>> condition("container.name != istio-proxy").operator
    '!='
    """
    words = text.split()
    is_negated = words[:1] == ["not"]
    words = words[is_negated:]
    operator = next((word for word in words if word in OPERATORS), "")
    place = words.index(operator) if operator else len(words)
    operand = " ".join(words[place + 1 :])
    if operator == "~":
        _check_pattern(operand)
    return Condition(text, _word(" ".join(words[:place]), 1), is_negated, operator, operand)


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise TemplateError(f"{pattern!r} is not a regular expression: {error}") from error
