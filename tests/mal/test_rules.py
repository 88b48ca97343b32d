"""Rule files that can be used, and files that are none."""

from pathlib import Path

import pytest

from podwire.mal import RuleError, load
from podwire.mal.rules import read
from podwire.model.metric import Function, Metric

SCOPE = "expSuffix: processRelation('side', ['service'], ['instance'], 'a', 'b', 'c')\n"


def metrics(exp: str) -> tuple[Metric, ...]:
    """What a file of one rule defines."""
    return read(f"metricPrefix: p\n{SCOPE}metricsRules:\n  - {{name: x, exp: {exp}}}\n").metrics


@pytest.mark.parametrize(
    ("exp", "function", "ranks"),
    [
        ("\"m.sum(['side'])\"", Function.AVG, ()),
        ("\"m.sum(['side']).downsampling(AVG)\"", Function.AVG, ()),
        ('"m.downsampling(DownsamplingType.SUM)"', Function.SUM, ()),
        ("\"m.sum(['side']).downsampling(SUM_PER_MIN)\"", Function.SUM_PER_MIN, ()),
        (
            "\"m.sum(['side', 'code']).downsampling(SUM_PER_MIN)\"",
            Function.SUM_PER_MIN_LABELED,
            (),
        ),
        (
            '"m.histogram().histogram_percentile([50, 99.9]).downsampling(SUM)"',
            Function.SUM_HISTOGRAM_PERCENTILE,
            (50, 99),
        ),
    ],
)
def test_a_rule_s_shape_names_its_function(
    exp: str, function: Function, ranks: tuple[int, ...]
) -> None:
    """Downsampling and the labels that remain decide how a metric merges; avg is the default."""
    assert (Metric("p_x", function, ranks),) == metrics(exp)


def test_a_file_is_called_by_its_stem(tmp_path: Path) -> None:
    """Settings name files without their ending."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"metricPrefix: p\n{SCOPE}metricsRules:\n  - {{name: x, exp: m}}\n")

    assert "mine" == load(path).name


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"", b"[" * 3_000])
def test_what_is_no_rule_file_is_a_rule_error(tmp_path: Path, content: bytes | None) -> None:
    """A missing, binary, empty or absurd file is refused like any other mistake."""
    path = tmp_path / "wrong.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(RuleError, match=r"wrong\.yaml:\d+:\d+: "):
        load(path)
