"""Rule files that change under a running backend."""

import asyncio
from pathlib import Path

import pytest

from podwire.app import rules
from podwire.app.reload import Reloader
from podwire.app.settings import BackendSettings
from podwire.kube.names import NoCluster
from podwire.mal import Analyzer, Switching
from podwire.model.meter import Collection, Single
from podwire.model.metric import Metric
from podwire.receiver.tally import Tally
from podwire.wire.meter import collection_message

RULE = """
metricPrefix: p
expSuffix: service(['service'], Layer.GENERAL)
metricsRules:
  - {name: %s, exp: "m.%s"}
"""


class Backend:
    """What a backend has of rules, over a folder of files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "mine").mkdir()
        self.write("one", "downsampling(SUM)")
        settings = BackendSettings(rules=folder, active_rules=("mine",))
        files = rules.active(settings)
        self.metrics: dict[str, Metric] = {
            metric.name: metric for file in files for metric in file.metrics
        }
        self.now_ms = 61_000
        self.tally = Tally()
        self.switching = Switching(Analyzer(files, NoCluster()), lambda: self.now_ms)
        self.reloader = Reloader(settings, self.switching, self.metrics, self.tally)

    def write(self, name: str, exp: str, file: str = "a.yaml") -> None:
        """A file with one rule."""
        (self.folder / "mine" / file).write_text(RULE % (name, exp))

    def report(self, time_s: int) -> list[str]:
        """The metrics that a sample of that time counts in."""
        sample = Collection("shop", "shop-0", time_s * 1000, (Single("m", (), 1.0),))
        message = collection_message(sample).SerializeToString()
        found = self.switching.admit([message], since_ms=0, until_ms=10**9).partials
        return [each.metric for each in found for _ in range(each.total)]


def test_a_new_file_takes_over_at_a_minute(tmp_path: Path) -> None:
    """Samples before the boundary count in the old metric, those from it on in the new."""
    backend = Backend(tmp_path)
    backend.write("other", "downsampling(SUM)")

    assert backend.reloader.look()
    assert ["p_one"] * 3 == [name for at in (60, 90, 119) for name in backend.report(at)]
    assert ["p_other"] * 3 == [name for at in (120, 121, 500) for name in backend.report(at)]
    assert {"p_one", "p_other"} == backend.metrics.keys()
    assert not backend.reloader.look()


def test_a_bad_file_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused whole with its place, good files beside it too; once mended, it takes over."""
    backend = Backend(tmp_path)
    backend.write("two", "downsampling(SUM)", "b.yaml")
    backend.write("one", "sux(['a'])")

    assert not backend.reloader.look()
    assert "a.yaml:5:25: unknown function 'sux'" in caplog.text
    assert {"rules_refused_total": 1} == backend.tally.statistics()
    assert (["p_one"], ["p_one"]) == (backend.report(119), backend.report(120))
    backend.write("one", "downsampling(SUM)")
    assert backend.reloader.look()
    assert ["p_one", "p_two"] == backend.report(120)


def test_a_metric_keeps_its_kind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is stored as a sum cannot become an average under the same name."""
    backend = Backend(tmp_path)
    backend.write("one", "downsampling(AVG)")

    assert not backend.reloader.look()
    assert "p_one is stored as sum of SERVICE" in caplog.text


def test_a_folder_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    """Files that vanish while somebody replaces them cost no sample."""
    backend = Backend(tmp_path)
    (tmp_path / "mine" / "a.yaml").unlink()

    assert not backend.reloader.look()
    assert ["p_one"] == backend.report(120)


async def test_files_are_looked_at_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to say that a file changed."""
    monkeypatch.setattr("podwire.app.reload.LOOK_S", 0.01)
    backend = Backend(tmp_path)
    task = asyncio.create_task(backend.reloader.run())
    backend.write("other", "downsampling(SUM)")
    async with asyncio.timeout(60):
        while "p_other" not in backend.metrics:
            await asyncio.sleep(0.01)
    task.cancel()

    assert ["p_other"] == backend.report(120)
