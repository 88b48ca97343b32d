"""Constants are calculated early, and nothing changes by that."""

from collections import Counter
from math import isnan

from hypothesis import given
from hypothesis import strategies as st

from podwire.kube.names import NoCluster
from podwire.mal.labels import LabelTable
from podwire.mal.passes import fold, is_scalar
from podwire.mal.plan import plan_scalar
from podwire.mal.processes import Processes
from podwire.mal.step.world import Batch, World
from podwire.mal.text import syntax
from podwire.mal.text.printer import show

numbers = st.floats(allow_nan=False).map(abs).map(syntax.Number)
scalars = st.recursive(
    numbers | st.just(syntax.Time()),
    lambda inner: (
        st.builds(syntax.Negate, inner)
        | st.builds(syntax.Binary, st.sampled_from("+-*/"), inner, inner)
    ),
)


@given(scalars)
def test_folding_changes_no_result(tree: syntax.Expression) -> None:
    """What is calculated when a rule is read is what would be calculated for each batch."""
    world = World(LabelTable(), Processes(NoCluster()), Counter(), clock=lambda: 1_700_000_000.5)
    plain, folded = (plan_scalar(each, world)(Batch({})) for each in (tree, fold(tree)))

    assert is_scalar(fold(tree))
    assert plain == folded or (isnan(plain) and isnan(folded))


@given(scalars)
def test_folding_once_is_enough(tree: syntax.Expression) -> None:
    """There is nothing left to fold."""
    assert show(fold(tree)) == show(fold(fold(tree)))
