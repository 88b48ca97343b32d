"""The words for what is lost."""

from podwire.model.loss import MEANINGS, Loss


def test_every_loss_has_its_meaning() -> None:
    """Whoever reads a number can look up what it counts."""
    assert set(Loss) == MEANINGS.keys()
    assert all(MEANINGS.values())
