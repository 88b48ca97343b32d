"""`podwire task`: create, list and keep network-profiling tasks."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from podwire.cli import find
from podwire.cli.output import ADDRESS, Address, Format, Output, exit_codes, show
from podwire.model.identity import instance_id, service_id
from podwire.wire.graphql import Refused, ask

app = typer.Typer(no_args_is_help=True, help="Create, list and keep network-profiling tasks.")

CREATE = """
mutation ($request: EBPFProfilingNetworkTaskRequest!) {
  createEBPFNetworkProfiling(request: $request) { status errorReason id }
}
"""
KEEP = """
mutation ($taskId: ID!) { keepEBPFNetworkProfiling(taskId: $taskId) { status errorReason } }
"""
LIST = """
query ($serviceId: ID, $instanceId: ID) {
  queryEBPFProfilingTasks(
    serviceId: $serviceId, serviceInstanceId: $instanceId, targets: [NETWORK]
  ) { taskId serviceName serviceInstanceName taskStartTime fixedTriggerDuration isAgentAway redact }
}
"""
EVERY = "(every)"
FOREIGN_LIST = LIST.replace("isAgentAway redact", "")
"""For a backend that is not ours."""

Service = Annotated[str, typer.Option(help="Name of the service, e.g. shop.demo.")]


class SamplingError(ValueError):
    """The sampling file must be corrected; the message says where."""


@app.command()
def create(
    service: Service,
    instance: Annotated[
        str | None,
        typer.Option(help="Name of the instance: the pod. Without one, every instance is watched."),
    ] = None,
    sampling_config: Annotated[
        Path | None,
        typer.Option(
            help="YAML: samplings: [{uri_pattern, min_duration, when_4xx, when_5xx, setting: "
            "{require_request, max_request_size, require_response, max_response_size}}]"
        ),
    ] = None,
    uri: Annotated[str | None, typer.Option(help="Sample URIs in which this is found.")] = None,
    min_duration_ms: Annotated[int | None, typer.Option(help="Sample slower requests.")] = None,
    when_4xx: Annotated[bool, typer.Option("--when-4xx", help="Sample status 400-499.")] = False,
    when_5xx: Annotated[bool, typer.Option("--when-5xx", help="Sample status 500-599.")] = False,
    without_trace_context: Annotated[
        bool, typer.Option("--without-trace-context", help="Sample requests of no trace, too.")
    ] = False,
    no_redaction: Annotated[
        bool, typer.Option("--no-redaction", help="Send secrets in sampled requests as they are.")
    ] = False,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """
    Watch one instance, or a service with all its pods, for ten minutes; `keep` makes it longer.

    Pods of the service that come while the task runs are watched too.
    """
    with exit_codes(SamplingError):
        rules = _rules(sampling_config, uri, min_duration_ms, when_4xx=when_4xx, when_5xx=when_5xx)
        request: dict[str, Any] = {"samplings": rules, **_watched(address, service, instance)}
        if without_trace_context:
            request["requireTraceContext"] = False
        if no_redaction:
            request["redact"] = False
        row = {
            "task": _created(address, request),
            "service": service,
            "instance": instance or EVERY,
        }
        show([row], output, columns=("task", "service", "instance"), empty="")


def _created(address: str, request: dict[str, Any]) -> str:
    """The id of a new task; `Refused` with the backend's reason."""
    try:
        answer = ask(address, CREATE, {"request": request})["createEBPFNetworkProfiling"]
    except Refused as error:
        if "serviceId" in request and "EBPFProfilingNetworkTaskRequest" in str(error):
            raise Refused("this backend watches single instances: give --instance") from error
        raise
    if not answer["status"]:
        raise Refused(answer["errorReason"])
    return str(answer["id"])


def _watched(address: str, service: str, instance: str | None) -> dict[str, str]:
    """What a task is about, by id; only podwire's own backends know the second form."""
    if instance:
        return {"instanceId": find.recently(address, service, instance, 30)["instance"]}
    return {"serviceId": find.service(address, service)}


@app.command()
def keep(
    task: Annotated[str, typer.Argument(help="The task's id.")],
    address: Address = ADDRESS,
) -> None:
    """Let a task run ten minutes longer, once it has less than one minute left."""
    with exit_codes():
        answer = ask(address, KEEP, {"taskId": task})["keepEBPFNetworkProfiling"]
        if not answer["status"]:
            raise Refused(answer["errorReason"])


@app.command("list")
def list_tasks(
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    instance: Annotated[str | None, typer.Option(help="Only of this instance.")] = None,
    address: Address = ADDRESS,
    output: Format = Output.TABLE,
) -> None:
    """Tasks of a service or an instance, the newest first."""
    with exit_codes():
        services = [service] if service else _service_names(address)
        rows = [row for name in services for row in _tasks(address, name, instance)]
    columns = ("task", "service", "instance", "started", "left_s", "state", "masked")
    show(rows, output, columns=columns, empty="There is no task yet: podwire task create --help")


def _service_names(address: str) -> list[str]:
    return sorted(each["name"] for each in ask(address, find.SERVICES)["listServices"])


def _tasks(address: str, service: str, instance: str | None) -> list[dict[str, Any]]:
    identity = service_id(service)
    variables = {
        "serviceId": identity,
        "instanceId": instance_id(identity, instance) if instance else None,
    }
    return [_row(task) for task in _listed(address, variables)]


def _row(task: dict[str, Any]) -> dict[str, Any]:
    ends_s = task["taskStartTime"] / 1000 + task["fixedTriggerDuration"]
    left_s = max(0, round(ends_s - time.time()))
    return {
        "task": task["taskId"],
        "service": task["serviceName"],
        "instance": task["serviceInstanceName"] or EVERY,
        "started": time.strftime("%F %T", time.localtime(task["taskStartTime"] / 1000)),
        "left_s": left_s,
        "state": _state(task, left_s),
        "masked": task.get("redact"),
    }


def _listed(address: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        answer = ask(address, LIST, variables)
    except Refused as error:
        if "isAgentAway" not in str(error):
            raise
        answer = ask(address, FOREIGN_LIST, variables)
    found: list[dict[str, Any]] = answer["queryEBPFProfilingTasks"]
    return found


def _state(task: dict[str, Any], left_s: int) -> str:
    if not left_s:
        return "ended"
    return "agent away" if task.get("isAgentAway") else "running"


def _rules(
    path: Path | None,
    uri: str | None,
    min_duration_ms: int | None,
    *,
    when_4xx: bool,
    when_5xx: bool,
) -> list[dict[str, Any]]:
    """GraphQL's sampling rules from a file, from the flags, or none."""
    has_flags = uri is not None or min_duration_ms is not None or when_4xx or when_5xx
    if path and has_flags:
        raise SamplingError("give either --sampling-config or the flags of a single rule")
    if path:
        return _file_rules(path)
    if not has_flags:
        return []
    settings = {"requireCompleteRequest": True, "requireCompleteResponse": True}
    rule = {"when4xx": when_4xx, "when5xx": when_5xx, "settings": settings}
    rule |= {"uriRegex": uri} if uri is not None else {}
    rule |= {"minDuration": min_duration_ms} if min_duration_ms is not None else {}
    return [rule]


def _file_rules(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text())
        return [_file_rule(rule) for rule in content["samplings"]]
    except OSError as error:
        raise SamplingError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SamplingError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except KeyError as error:
        raise SamplingError(f"{path}: a rule lacks the key {error}") from error
    except (TypeError, AttributeError) as error:
        raise SamplingError(f"{path}: expected a list of rules under 'samplings'") from error


RULE_KEYS = {
    "uri_pattern": "uriRegex",
    "min_duration": "minDuration",
    "when_4xx": "when4xx",
    "when_5xx": "when5xx",
}
SETTING_KEYS = {
    "require_request": "requireCompleteRequest",
    "max_request_size": "maxRequestSize",
    "require_response": "requireCompleteResponse",
    "max_response_size": "maxResponseSize",
}


def _file_rule(rule: dict[str, Any]) -> dict[str, Any]:
    _only(rule, {*RULE_KEYS, "setting"})
    setting = rule["setting"]
    _only(setting, set(SETTING_KEYS))
    needed = (rule["when_4xx"], rule["when_5xx"], setting["require_request"])
    if not all(isinstance(flag, bool) for flag in (*needed, setting["require_response"])):
        raise SamplingError(
            "when_4xx, when_5xx, require_request, require_response are true or false"
        )
    return {RULE_KEYS[key]: value for key, value in rule.items() if key in RULE_KEYS} | {
        "settings": {SETTING_KEYS[key]: value for key, value in setting.items()}
    }


def _only(section: dict[str, Any], allowed: set[str]) -> None:
    unknown = sorted(set(section) - allowed)
    if unknown:
        known = ", ".join(sorted(allowed))
        raise SamplingError(f"unknown key {unknown[0]!r} in a sampling rule; known are {known}")
