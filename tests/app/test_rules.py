"""Which logs are sampled requests is said in a file."""

from pathlib import Path

import pytest

from podwire.app.rules import log_rule
from podwire.app.settings import BackendSettings, ConfigError


def test_the_shipped_rule_names_a_record_by_its_path() -> None:
    """Of the layers that SkyWalking has such rules for."""
    rule = log_rule(BackendSettings())

    assert (frozenset({"K8S_SERVICE", "MESH", "MESH_DP"}), "{uri}") == (rule.layers, rule.name)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("layers: [MESH]", "must say `layers`"),
        ("[]", "must say `layers`"),
        ("layers: 5\nname: x", "must say `layers`"),
        ("layers: [MESH]\nname: '{path}'", "name must be made of uri, trace_provider"),
        ("layers: [MESH]\nname: '{uri.__class__}'", "name must be made of"),
        ("layers: [MESH]\nname: '{uri'", "log.yaml: "),
        ("layers: [MESH]\nname: fixed", "name must be made of"),
        ("layers: [NONE]\nname: '{uri}'", "'NONE' is no layer"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """It names the file and what is expected; nothing starts on a rule that is half understood."""
    path = tmp_path / "log.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=complaint) as caught:
        log_rule(BackendSettings(log_rule=path))
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named() -> None:
    """The operator sees which path was tried."""
    with pytest.raises(ConfigError, match=r"nowhere\.yaml cannot be read"):
        log_rule(BackendSettings(log_rule=Path("nowhere.yaml")))
