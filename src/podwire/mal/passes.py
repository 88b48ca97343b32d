"""
Rewrites of a rule's tree, each a pure function from tree to tree.

In: a parsed expression with the expPrefix and expSuffix of its file.  Out: the whole rule's tree.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from podwire.mal.step.arithmetic import calculate
from podwire.mal.text import syntax
from podwire.mal.text.parser import HOLE
from podwire.model.metric import Function

DOWNSAMPLING = {
    "AVG": Function.AVG,
    "SUM": Function.SUM,
    "SUM_PER_MIN": Function.SUM_PER_MIN,
    "LATEST": Function.LATEST,
    "MAX": Function.MAX,
    "MIN": Function.MIN,
}
"""Words that an expPrefix never follows, and how the values of a minute merge."""


def is_scalar(tree: syntax.Node) -> bool:
    """Whether an expression is a number whatever the batch holds."""
    match tree:
        case syntax.Binary(_, left, right):
            return is_scalar(left) and is_scalar(right)
        case syntax.Negate(operand):
            return is_scalar(operand)
        case _:
            return isinstance(tree, syntax.Number | syntax.Time)


def graft(chain: syntax.Expression, onto: syntax.Expression) -> syntax.Expression:
    """
    Put an expression where a chain of calls begins.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse, parse_chain
    >>> from podwire.mal.text.printer import show
    >>> show(graft(parse_chain(Source("sum(['k'])")), parse(Source("a + b"))))
    "(a + b).sum(['k'])"
    """
    if isinstance(chain, syntax.Call):
        return replace(chain, target=graft(chain.target, onto))
    return onto if chain == HOLE else chain


def inject(tree: syntax.Expression, prefix: syntax.Call | None) -> syntax.Expression:
    """
    Give every metric the expPrefix, in arguments too.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse, parse_chain
    >>> from podwire.mal.text.printer import show
    >>> show(inject(parse(Source("a.safeDiv(b)")), parse_chain(Source("sum(['k'])"))))
    "a.sum(['k']).safeDiv(b.sum(['k']))"
    """
    match tree:
        case syntax.Metric(name) if prefix is not None and name not in DOWNSAMPLING:
            return graft(prefix, tree)
        case syntax.Negate(operand):
            return replace(tree, operand=inject(operand, prefix))
        case syntax.Binary(_, left, right):
            return replace(tree, left=inject(left, prefix), right=inject(right, prefix))
        case syntax.Call(target, _, arguments):
            injected = tuple(
                _in_argument(lambda each: inject(each, prefix), each) for each in arguments
            )
            return replace(tree, target=inject(target, prefix), arguments=injected)
        case _:
            return tree


def append(tree: syntax.Expression, suffix: syntax.Call | None) -> syntax.Expression:
    """
    Put the expSuffix behind the whole expression.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse, parse_chain
    >>> from podwire.mal.text.printer import show
    >>> show(append(parse(Source("a + b")), parse_chain(Source("sum(['k'])"))))
    "(a + b).sum(['k'])"
    """
    return tree if suffix is None else graft(suffix, tree)


def fold(tree: syntax.Expression) -> syntax.Expression:
    """
    Do arithmetic on constants once, here, instead of once per batch.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse
    >>> from podwire.mal.text.printer import show
    >>> show(fold(parse(Source("bytes / (1024 * 1024)"))))
    'bytes / 1048576'
    """
    match tree:
        case syntax.Negate(operand):
            return _fold_negate(replace(tree, operand=fold(operand)))
        case syntax.Binary(_, left, right):
            return _fold_binary(replace(tree, left=fold(left), right=fold(right)))
        case syntax.Call(target, _, arguments):
            folded = tuple(_in_argument(fold, each) for each in arguments)
            return replace(tree, target=fold(target), arguments=folded)
        case _:
            return tree


def _fold_negate(tree: syntax.Negate) -> syntax.Expression:
    if isinstance(tree.operand, syntax.Number):
        return syntax.Number(-tree.operand.value, span=tree.span)
    return tree


def _fold_binary(tree: syntax.Binary) -> syntax.Expression:
    if isinstance(tree.left, syntax.Number) and isinstance(tree.right, syntax.Number):
        value = calculate(tree.op, tree.left.value, tree.right.value)
        return syntax.Number(value, span=tree.span)
    return tree


def _in_argument(
    rewrite: Callable[[syntax.Expression], syntax.Expression], argument: syntax.Argument
) -> syntax.Argument:
    return rewrite(argument) if isinstance(argument, syntax.Expression) else argument


@dataclass(frozen=True, slots=True)
class Around:
    """What a rule file puts around each of its expressions."""

    prefix: syntax.Call | None = None
    suffix: syntax.Call | None = None


PASSES: tuple[Callable[[syntax.Expression, Around], syntax.Expression], ...] = (
    lambda tree, around: inject(tree, around.prefix),
    lambda tree, around: append(tree, around.suffix),
    lambda tree, _around: fold(tree),
)
"""From what is written to what is checked and planned."""


def assemble(tree: syntax.Expression, around: Around) -> syntax.Expression:
    """
    The whole expression of a rule: every pass in turn.

    >>> from podwire.mal.errors import Source
    >>> from podwire.mal.text.parser import parse, parse_chain
    >>> from podwire.mal.text.printer import show
    >>> around = Around(parse_chain(Source("f()")), parse_chain(Source("sum(['k'])")))
    >>> show(assemble(parse(Source("a * (2 * 3)")), around))
    "(a.f() * 6).sum(['k'])"
    """
    for rewrite in PASSES:
        tree = rewrite(tree, around)
    return tree
