"""
Configuration files become settings: YAML with `${NAME:default}` taken from the environment.

In: a path and the environment.  Out: settings values.  A mistake is a `ConfigError` that names the
file, the key and what is expected; nothing is started on a file that is half understood.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from podwire.agent.sample.redact import RedactionSettings, Redactor
from podwire.agent.settings import AgentSettings, KubernetesSettings
from podwire.discovery.analyzer import Analyzer
from podwire.discovery.host import HostRule
from podwire.discovery.template import (
    Condition,
    Template,
    TemplateError,
    condition,
    template,
)
from podwire.model.layer import is_layer

VARIABLE = re.compile(r"\$\{(\w+)(?::([^}]*))?\}")


class ConfigError(ValueError):
    """The operator must correct a setting; the message says which and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """Where the backend listens, keeps its data, and which rules it follows."""

    grpc: str = "127.0.0.1:11800"
    """HOST:PORT for agents."""

    http: str = "127.0.0.1:12800"
    """HOST:PORT for GraphQL and the page."""

    storage: str = "chdb:////var/lib/podwire/store"
    """`chdb:///PATH` for the embedded engine, `http://HOST:PORT/DATABASE` for a ClickHouse."""

    rules: Path | None = None
    """Folder of MAL rule files; the shipped one when not given."""

    log_rule: Path | None = None
    """File that says which logs are sampled requests; the shipped one when not given."""

    token: str = ""
    """When not empty, agents must send it as `authentication` metadata; others are refused."""

    kubeconfig: Path | None = None
    """How to reach the API server that names peers; in a pod its service account is enough."""

    active_rules: tuple[str, ...] = ("network-profiling",)
    """Names of rule files without `.yaml`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a configuration file may say."""

    backend: BackendSettings = field(default_factory=BackendSettings)
    agent: AgentSettings = field(default_factory=AgentSettings)


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in a file; the defaults when there is none. Raises `ConfigError`."""
    if path is None:
        return Settings()
    try:
        return _settings(_parse(path, environment))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def with_processes(settings: AgentSettings) -> AgentSettings:
    """The same settings. Raises `ConfigError` when an agent would watch nobody for ever."""
    if not settings.hosts and not settings.kubernetes:
        raise ConfigError(
            "agent names no process: give a --config with at least one rule in agent.hosts, "
            "or with agent.kubernetes.node"
        )
    return settings


def _parse(path: Path, environment: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(substitute(path.read_text(), environment)) or {}
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"not YAML: {' '.join(str(error).split())}") from error
    return _mapping(content, "the file")


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """
    Put environment variables in: `${NAME}` must be set, `${NAME:default}` need not.

    >>> substitute("port: ${PORT:12800}", {})
    'port: 12800'
    """

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environment.get(name, default)
        if found is None:
            raise ConfigError(f"the environment variable {name} is not set and has no default")
        return found

    return VARIABLE.sub(value, text)


def _settings(content: Mapping[str, Any]) -> Settings:
    _only(content, {"backend", "agent", "agent-analyzer"}, "the file")
    backend = _backend(content)
    return Settings(backend=backend, agent=_agent(_mapping(content.get("agent") or {}, "agent")))


def _backend(content: Mapping[str, Any]) -> BackendSettings:
    section = _mapping(content.get("backend") or {}, "backend")
    active = _active_rules(_mapping(content.get("agent-analyzer") or {}, "agent-analyzer"))
    readers: dict[str, Reader] = dict.fromkeys(("grpc", "http", "storage", "token"), _text)
    readers |= dict.fromkeys(("rules", "log_rule", "kubeconfig"), _path)
    settings = _fill(BackendSettings(), section, readers, "backend")
    return replace(settings, active_rules=active) if active is not None else settings


def _active_rules(section: Mapping[str, Any]) -> tuple[str, ...] | None:
    """OAP's way to say it: the section that `selector` names holds the list, comma-separated."""
    if not section:
        return None
    selector = _text(section.get("selector", "default"), "agent-analyzer.selector")
    if selector in ("-", ""):
        return ()
    if selector not in section:
        raise ConfigError(f"agent-analyzer.selector is {selector!r}, but there is no such section")
    chosen = _mapping(section[selector] or {}, f"agent-analyzer.{selector}")
    names = chosen.get("meterAnalyzerActiveFiles")
    if names is None:
        return None
    text = _text(names, f"agent-analyzer.{selector}.meterAnalyzerActiveFiles")
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _agent(section: Mapping[str, Any]) -> AgentSettings:
    readers: dict[str, Reader] = {
        "backend": _text,
        "token": _text,
        "hosts": _hosts,
        "kubernetes": _kubernetes,
        "scan_interval_s": _seconds,
        "heartbeat_interval_s": _seconds,
        "poll_interval_s": _seconds,
        "report_interval_s": _seconds,
        "outbox_limit": _count,
        "sample_limit": _count,
        "memory_limit_mb": _count,
        "redaction": _redaction,
    }
    if section.get("hosts") and section.get("kubernetes"):
        raise ConfigError("agent has both hosts and kubernetes: give one of them")
    return _fill(AgentSettings(), section, readers, "agent")


def _redaction(value: Any, where: str) -> RedactionSettings:
    readers: dict[str, Reader] = dict.fromkeys(("headers", "fields"), _labels)
    readers["patterns"] = _re2_patterns
    return _fill(RedactionSettings(), _mapping(value, where), readers, where)


def _re2_patterns(value: Any, where: str) -> tuple[str, ...]:
    patterns = _labels(value, where)
    try:
        Redactor(RedactionSettings(patterns=patterns))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return patterns


def _hosts(value: Any, where: str) -> tuple[HostRule, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} must be a list of rules")
    return tuple(
        _host(_mapping(rule, f"{where}[{n}]"), f"{where}[{n}]") for n, rule in enumerate(value)
    )


def _kubernetes(value: Any, where: str) -> KubernetesSettings:
    section = _mapping(value, where)
    if not section.get("node"):
        raise ConfigError(f"{where}.node is required: the name of this node, e.g. ${{NODE_NAME}}")
    readers: dict[str, Reader] = {
        "node": _text,
        "kubeconfig": _path,
        "host_ip": _text,
        "cluster": _text,
        "analyzers": _analyzers,
    }
    return _fill(KubernetesSettings(node=""), section, readers, where)


def _analyzers(value: Any, where: str) -> tuple[Analyzer, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where} must be a list of analyzers")
    return tuple(
        _analyzer(_mapping(each, f"{where}[{n}]"), f"{where}[{n}]") for n, each in enumerate(value)
    )


def _analyzer(section: Mapping[str, Any], where: str) -> Analyzer:
    for key in ("layer", "service"):
        if key not in section:
            raise ConfigError(f"{where}.{key} is required")
    readers: dict[str, Reader] = dict.fromkeys(("service", "instance", "process"), _template)
    readers |= {"layer": _layer, "labels": _labels, "when": _conditions}
    return _fill(Analyzer(layer="", service=Template("", ())), section, readers, where)


def _template(value: Any, where: str) -> Template:
    try:
        return template(_text(value, where))
    except TemplateError as error:
        raise ConfigError(f"{where}: {error}") from error


def _conditions(value: Any, where: str) -> tuple[Condition, ...]:
    try:
        return tuple(map(condition, _labels(value, where)))
    except TemplateError as error:
        raise ConfigError(f"{where}: {error}") from error


def _host(rule: Mapping[str, Any], where: str) -> HostRule:
    if "service" not in rule:
        raise ConfigError(f"{where}.service is required")
    if not rule.keys() & {"executable", "command_line", "cgroup", "unit"}:
        raise ConfigError(f"{where} needs one of executable, command_line, cgroup and unit")
    readers: dict[str, Reader] = dict.fromkeys(("service", "instance", "process", "unit"), _text)
    readers["layer"] = _layer
    readers |= dict.fromkeys(("executable", "command_line", "cgroup"), _pattern)
    readers["labels"] = _labels
    return _fill(HostRule(service=""), rule, readers, where)


Reader = Callable[[Any, str], Any]
Value = TypeVar(
    "Value",
    BackendSettings,
    AgentSettings,
    HostRule,
    KubernetesSettings,
    Analyzer,
    RedactionSettings,
)


def _fill(
    defaults: Value, section: Mapping[str, Any], readers: Mapping[str, Reader], where: str
) -> Value:
    _only(section, readers.keys(), where)
    assert readers.keys() <= {each.name for each in fields(defaults)}  # noqa: S101 - our own table
    read = {key: readers[key](value, f"{where}.{key}") for key, value in section.items()}
    return replace(defaults, **read)


def _only(section: Mapping[str, Any], allowed: Any, where: str) -> None:
    unknown = sorted(set(map(str, section)) - set(allowed))
    if unknown:
        known = ", ".join(sorted(allowed))
        raise ConfigError(f"unknown key {unknown[0]!r} in {where}; known are {known}")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a mapping of keys to values")
    return value


def _text(value: Any, where: str) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"{where} must be text")


def _layer(value: Any, where: str) -> str:
    """A backend of SkyWalking's refuses every heartbeat of an agent that says another name."""
    if isinstance(value, str) and is_layer(value):
        return value
    raise ConfigError(f"{where} must be a layer of SkyWalking's, e.g. OS_LINUX, K8S_SERVICE, MESH")


def _path(value: Any, where: str) -> Path:
    return Path(_text(value, where))


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.1 <= value <= 3600:
        return float(value)
    raise ConfigError(f"{where} must be a number of seconds between 0.1 and 3600")


def _count(value: Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ConfigError(f"{where} must be a positive whole number")


def _pattern(value: Any, where: str) -> re.Pattern[str]:
    try:
        return re.compile(_text(value, where))
    except re.error as error:
        raise ConfigError(f"{where} is not a regular expression: {error}") from error


def _labels(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(label, str) for label in value):
        return tuple(value)
    raise ConfigError(f"{where} must be a list of texts")
