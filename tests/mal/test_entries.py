"""Every entry of docs/mal.md has a proof, and every function an entry."""

import re
from pathlib import Path

import pytest

from podwire.mal.closure.methods import TEXT_METHODS
from podwire.mal.explain import SENTENCES
from podwire.mal.functions import FUNCTIONS
from podwire.model.metric import Function

from .script import proved

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "mal.md").read_text()
ENTRIES = re.findall(r"^\| (\d+\.\d+) \| (.*) \| (\S+) \|$", PAGE, re.M)
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)
}


@pytest.mark.parametrize(("number", "proof"), [(number, proof) for number, _, proof in ENTRIES])
def test_every_entry_is_proved(number: str, proof: str) -> None:
    """By a case that is marked with its number, or by a test that exists."""
    assert number in proved() if proof == "@" else proof.strip("`") in TESTS


def test_every_number_is_an_entry() -> None:
    """Scripts prove nothing that is not written down, and nothing is written down twice."""
    numbers = [number for number, _, _ in ENTRIES]

    assert set() == proved().keys() - set(numbers)
    assert len(numbers) == len(set(numbers)) > 150


def test_every_function_has_an_entry() -> None:
    """Of families, of texts and of storage; `value*` and `tag*` each by its own name."""
    names = {*FUNCTIONS, *TEXT_METHODS, *(each.value for each in Function)}
    written = set(re.findall(r"[a-zA-Z_0-9:]+", " ".join(what for _, what, _ in ENTRIES)))

    assert set() == names - written


def test_every_function_can_be_explained() -> None:
    """`podwire mal explain` has a sentence for each."""
    assert FUNCTIONS.keys() == SENTENCES.keys()
