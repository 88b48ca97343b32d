"""
Judges a rule before it runs: whatever it finds wrong, no sample ever meets.

In: the whole tree of a rule.  Out: nothing, or a `RuleError` at the place.
"""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

from podwire.mal.closure.check import check_closure, check_regex
from podwire.mal.errors import RuleError
from podwire.mal.functions import FUNCTIONS, Form, Function, Parameter, Role
from podwire.mal.passes import DOWNSAMPLING, is_scalar
from podwire.mal.step.relabel import TIME_UNITS
from podwire.mal.step.window import duration_ms
from podwire.mal.text import syntax

NEVER = {
    "filter": "tagEqual(...) chooses samples",
    "tagAverage": "avg([...]) is the average",
    "topN": "a query sorts: top_n(metric, 10, des)",
}
"""What other texts speak of and no rule can call."""


def check(tree: syntax.Expression) -> None:
    """Refuse an expression that cannot run."""
    for call in calls(tree):
        _check_call(call)
    _check_family(tree)
    _check_weights(tree)


def calls(tree: syntax.Expression, *, arguments: bool = True) -> Iterator[syntax.Call]:
    """Every call of a tree, inner ones first; optionally without those inside arguments."""
    match tree:
        case syntax.Call():
            yield from calls(tree.target, arguments=arguments)
            for argument in tree.arguments if arguments else ():
                if isinstance(argument, syntax.Expression):
                    yield from calls(argument)
            yield tree
        case syntax.Binary(_, left, right):
            yield from calls(left, arguments=arguments)
            yield from calls(right, arguments=arguments)
        case syntax.Negate(operand):
            yield from calls(operand, arguments=arguments)


def metrics(tree: syntax.Expression) -> Iterator[str]:
    """The names of the families a tree reads."""
    match tree:
        case syntax.Metric(name):
            yield name
        case syntax.Call(target, name, arguments):
            yield from metrics(target)
            for each in arguments if name != "downsampling" else ():
                if isinstance(each, syntax.Expression):
                    yield from metrics(each)
        case syntax.Binary(_, left, right):
            yield from metrics(left)
            yield from metrics(right)
        case syntax.Negate(operand):
            yield from metrics(operand)


# Calls and their arguments.


def _check_call(call: syntax.Call) -> None:
    function = FUNCTIONS.get(call.title)
    if function is None:
        raise RuleError(f"unknown function {call.title!r}", call.span, _hint(call.title))
    if is_scalar(call.target):
        raise RuleError("a number has no functions", call.span)
    form = _form(call, function)
    for parameter, argument in zip(form, call.arguments, strict=True):
        if not FITS[parameter](argument):
            raise RuleError(f"{call.title}() wants {parameter} here", argument.span)
        _check_argument(call, function, argument)
    if call.name == "instance":
        _check_twice(call)


def _check_twice(call: syntax.Call) -> None:
    """An instance's name is made of other labels than its service's."""
    keys: set[str] = set()
    for argument in call.arguments:
        if isinstance(argument, syntax.Texts):
            if keys & set(argument.items):
                raise RuleError("a label is named twice", argument.span)
            keys |= set(argument.items)


def _hint(title: str) -> str:
    if title in NEVER:
        return NEVER[title]
    near = get_close_matches(title, FUNCTIONS, 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(FUNCTIONS)}"


def _form(call: syntax.Call, function: Function) -> Form:
    """The form that these arguments are; by their number, which differs from form to form."""
    given = len(call.arguments)
    if function.pairs:
        (pair,) = function.forms
        if not given or given % len(pair):
            raise RuleError(f"{call.title}() takes pairs of a label and a text", call.span)
        return pair * (given // len(pair))
    for form in function.forms:
        if len(form) == given:
            return form
    wanted = " or ".join(str(len(form)) for form in function.forms)
    raise RuleError(f"{call.title}() takes {wanted} arguments, not {given}", call.span)


def _enum(kind: str, *values: str) -> Callable[[syntax.Argument], bool]:
    def fits(argument: syntax.Argument) -> bool:
        match argument:
            case syntax.Enum(type_, value):
                return type_ == kind and (not values or value in values)
            case _:
                return False

    return fits


def _is(*types: type) -> Callable[[syntax.Argument], bool]:
    return lambda argument: isinstance(argument, types)


def _is_duration(argument: syntax.Argument) -> bool:
    try:
        return isinstance(argument, syntax.Text) and duration_ms(argument.value) >= 0
    except ValueError:
        return False


def _is_family(argument: syntax.Argument) -> bool:
    return isinstance(argument, syntax.Expression) and any(metrics(argument))


P = Parameter

FITS: Mapping[Parameter, Callable[[syntax.Argument], bool]] = {
    P.TEXT: _is(syntax.Text),
    P.TEXT_OR_NULL: _is(syntax.Text, syntax.Null),
    P.TEXTS: _is(syntax.Texts),
    P.NUMBERS: _is(syntax.Numbers),
    P.NUMBER: _is(syntax.Number),
    P.DURATION: _is_duration,
    P.DOWNSAMPLING: lambda argument: downsampling_or_none(argument) in DOWNSAMPLING,
    P.LAYER: _enum("Layer"),
    P.DETECT_POINT: _enum("DetectPoint", "CLIENT", "SERVER", "PROXY"),
    P.RETAG: _enum("K8sRetagType", "Pod2Service"),
    P.TIME_UNIT: _enum("TimeUnit", *TIME_UNITS),
    P.CLOSURE: _is(syntax.Closure),
    P.CLOSURE_OR_NULL: _is(syntax.Closure, syntax.Null),
    P.FAMILY: _is_family,
    P.FAMILY_OR_NUMBER: lambda argument: (
        isinstance(argument, syntax.Number) or _is_family(argument)
    ),
}


def _check_argument(call: syntax.Call, function: Function, argument: syntax.Argument) -> None:
    match argument:
        case syntax.Texts(items) if len(set(items)) < len(items) and _is_strict(call, function):
            raise RuleError("a label is named twice", argument.span)
        case syntax.Numbers(ranks) if not all(0 <= rank <= 100 for rank in ranks):
            raise RuleError("a percentile is between 0 and 100", argument.span)
        case syntax.Closure() if function.use is not None:
            check_closure(argument, function.use)
        case syntax.Text(pattern) if call.name in ("tagMatch", "tagNotMatch"):
            check_regex(pattern, argument.span)
        case syntax.Binary() | syntax.Negate() | syntax.Call():
            _check_weights(argument)


def _is_strict(call: syntax.Call, function: Function) -> bool:
    """Where a label named twice makes no sense."""
    return function.role is Role.AGGREGATION or call.name == "instance"


def downsampling_or_none(argument: syntax.Argument) -> str | None:
    """The word of a `downsampling` call's argument."""
    match argument:
        case syntax.Metric(name) | syntax.Enum("DownsamplingType", name):
            return name
        case _:
            return None


def _check_family(tree: syntax.Expression) -> None:
    """A rule is about some metric."""
    if is_scalar(tree):
        raise RuleError("this is a number, not a metric", tree.span)


def _check_weights(tree: syntax.Expression) -> None:
    """Weighted families only scale and add up: anything else is no average of a weighted sum."""
    match tree:
        case syntax.Call(target, name) if name in ("avg", "min", "max", "count"):
            _refuse_weighted(target, tree)
        case syntax.Call(target, name, (argument,)) if FUNCTIONS[tree.title].operator:
            if isinstance(argument, syntax.Expression):
                operator = FUNCTIONS[tree.title].operator
                _check_weights(syntax.Binary(operator, target, argument, span=tree.span))
        case syntax.Binary(op, left, right) if not _scales(op, left, right):
            _refuse_weighted(tree, tree)
    for part in _operands(tree):
        _check_weights(part)


def _operands(tree: syntax.Expression) -> tuple[syntax.Expression, ...]:
    match tree:
        case syntax.Call(target):
            return (target,)
        case syntax.Negate(operand):
            return (operand,)
        case syntax.Binary(_, left, right):
            return (left, right)
        case _:
            return ()


def _refuse_weighted(tree: syntax.Expression, where: syntax.Expression) -> None:
    if any(FUNCTIONS[call.title].role is Role.WEIGHT for call in calls(tree)):
        raise RuleError("a weighted metric can only be scaled by a number", where.span)


def _scales(op: str, left: syntax.Expression, right: syntax.Expression) -> bool:
    return (op in "*/" and is_scalar(right)) or (op == "*" and is_scalar(left))
