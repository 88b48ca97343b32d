"""
Follows the rule files: a changed one takes over at the next minute, a wrong one changes nothing.

In: settings, and the analyzer in use.  Out: another analyzer in its place, and its metrics.
"""

import asyncio
import logging
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from podwire.app import rules
from podwire.app.settings import BackendSettings, ConfigError
from podwire.mal import RuleError, RuleFile, Switching
from podwire.model.metric import Metric
from podwire.receiver.tally import Tally

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the files are looked at."""

State = Mapping[Path, tuple[int, int]]


class Reloader:
    """Compares the files with what they were."""

    def __init__(
        self,
        settings: BackendSettings,
        switching: Switching,
        metrics: MutableMapping[str, Metric],
        tally: Tally,
    ) -> None:
        self._settings = settings
        self._switching = switching
        self._metrics = metrics
        self._tally = tally
        self._state = self._look()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await asyncio.to_thread(self.look)

    def look(self) -> bool:
        """Whether the files have changed and other rules will take over."""
        state = self._look()
        if state == self._state:
            return False
        self._state = state
        try:
            files = rules.active(self._settings)
            agree(files, self._metrics)
            from_ms = self._switching.switch(self._switching.newest.successor(files))
        except (RuleError, ConfigError) as error:
            self._tally.add("rules_refused_total")
            log.error("the rules stay as they were: %s", error)
            return False
        self._metrics.update({metric.name: metric for file in files for metric in file.metrics})
        self._tally.add("rules_reloaded_total")
        log.info("other rules from %d ms on", from_ms)
        return True

    def _look(self) -> State:
        try:
            found = rules.paths(self._settings)
            return {path: _stamp(path) for path in found}
        except (ConfigError, OSError):
            return {}


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def agree(files: Sequence[RuleFile], metrics: Mapping[str, Metric]) -> None:
    """A metric that is stored stays of the kind it is stored as. Raises `RuleError`."""
    for file in files:
        for rule in file.rules:
            known = metrics.get(rule.metric.name)
            if known is not None and known != rule.metric:
                message = f"{known.name} is stored as {known.function} of {known.scope}"
                raise RuleError(message, rule.written, "give it another name, or start again")
