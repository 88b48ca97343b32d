"""Configuration is understood whole or refused with one clear sentence."""

from pathlib import Path

import pytest

from podwire.app.settings import ConfigError, Settings, load
from podwire.discovery.analyzer import DEFAULTS

SEED = """
agent-analyzer:
  selector: ${SW_AGENT_ANALYZER:default}
  default:
    meterAnalyzerActiveFiles: ${SW_METER_ANALYZER_ACTIVE_FILES:network-profiling}
"""


def written(folder: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = folder / "podwire.yaml"
    path.write_text(text)
    return path


def test_without_a_file_everything_has_a_default() -> None:
    """Nothing needs to be configured to start."""
    assert Settings() == load(None)


def test_rules_are_activated_as_oap_spells_it(tmp_path: Path) -> None:
    """The document's own snippet is valid configuration."""
    assert ("network-profiling",) == load(written(tmp_path, SEED), {}).backend.active_rules


def test_the_environment_wins_over_the_default(tmp_path: Path) -> None:
    """Several files are separated by commas."""
    environment = {"SW_METER_ANALYZER_ACTIVE_FILES": "network-profiling, mine"}

    settings = load(written(tmp_path, SEED), environment)
    assert ("network-profiling", "mine") == settings.backend.active_rules


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("backend: {grcp: 'x:1'}", "unknown key 'grcp' in backend; known are grpc, http"),
        ("backend: [1]", "backend must be a mapping"),
        ("bakend: {}", "unknown key 'bakend'"),
        ("a: [", "not YAML"),
        ("backend: {grpc: '${NOWHERE}'}", "environment variable NOWHERE is not set"),
        ("agent: {scan_interval_s: 0}", "agent.scan_interval_s must be a number of seconds"),
        ("agent: {outbox_limit: -1}", "agent.outbox_limit must be a positive whole number"),
        ("agent: {hosts: [{service: s}]}", r"agent.hosts\[0\] needs one of executable"),
        ("agent: {hosts: [{unit: u}]}", r"agent.hosts\[0\].service is required"),
        (
            "agent: {hosts: [{service: s, command_line: '('}]}",
            r"agent.hosts\[0\].command_line is not a regular expression",
        ),
        ("agent-analyzer: {selector: other}", "no such section"),
        ("agent: {redaction: {header: [x]}}", "unknown key 'header' in agent.redaction"),
        ("agent: {redaction: {patterns: ['(?=x)']}}", "the redaction pattern .* cannot be used"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """It names the file, the key and what is expected."""
    path = written(tmp_path, text)

    with pytest.raises(ConfigError, match=complaint) as caught:
        load(path, {})
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The operator sees which path was tried."""
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("layer", ["NO_SUCH", "k8s_service", "''", "5"])
def test_a_layer_that_is_none_is_refused(tmp_path: Path, layer: str) -> None:
    """A backend of SkyWalking's would refuse every heartbeat of the agent."""
    path = written(tmp_path, f"agent: {{hosts: [{{service: s, unit: u, layer: {layer}}}]}}")

    with pytest.raises(ConfigError, match=r"agent.hosts\[0\].layer must be a layer"):
        load(path, {})


def test_kubernetes_mode_is_said_by_the_node(tmp_path: Path) -> None:
    """With the node alone processes get SkyWalking's names."""
    text = "agent: {kubernetes: {node: '${NODE_NAME}'}}"

    found = load(written(tmp_path, text), {"NODE_NAME": "n1"}).agent.kubernetes

    assert found is not None
    assert ("n1", DEFAULTS) == (found.node, found.analyzers)


def test_analyzers_are_read(tmp_path: Path) -> None:
    """Names, conditions and labels in our own words."""
    text = """
agent:
  kubernetes:
    node: n1
    analyzers:
      - layer: K8S_SERVICE
        service: "{pod.workload}.{pod.namespace}"
        labels: [workload]
        when: ["not pod.service", "pod.namespace ~ ^shop"]
"""

    kubernetes = load(written(tmp_path, text), {}).agent.kubernetes

    assert kubernetes is not None
    (found,) = kubernetes.analyzers
    assert ("K8S_SERVICE", "{pod.workload}.{pod.namespace}") == (found.layer, found.service.text)
    assert (("workload",), 2, "{pod.name}") == (found.labels, len(found.when), found.instance.text)


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("{}", "kubernetes.node is required"),
        ("{node: n, analyzers: []}", "analyzers must be a list"),
        ("{node: n, analyzers: [{layer: MESH}]}", r"analyzers\[0\].service is required"),
        ("{node: n, analyzers: [{layer: MSH, service: s}]}", r"\[0\].layer must be a layer"),
        (
            "{node: n, analyzers: [{layer: MESH, service: '{pod.nmae}'}]}",
            r"analyzers\[0\].service: character 2: there is no word 'pod.nmae'",
        ),
        (
            "{node: n, analyzers: [{layer: MESH, service: 'a{pod.name'}]}",
            r"\[0\].service: character 2: a brace without its other",
        ),
        (
            "{node: n, analyzers: [{layer: MESH, service: '{pod.label}'}]}",
            r"pod.label needs at least one name after it",
        ),
        (
            "{node: n, analyzers: [{layer: MESH, service: s, when: ['pod.name ~ (']}]}",
            r"\[0\].when: '\(' is not a regular expression",
        ),
    ],
)
def test_mistakes_in_kubernetes_mode_are_named(
    tmp_path: Path, section: str, complaint: str
) -> None:
    """The key, the place in it, and what is expected."""
    with pytest.raises(ConfigError, match=complaint):
        load(written(tmp_path, f"agent: {{kubernetes: {section}}}"), {})


def test_an_agent_has_one_mode(tmp_path: Path) -> None:
    """Rules for a host and a node's name do not go together."""
    text = "agent: {hosts: [{service: s, unit: u}], kubernetes: {node: n}}"

    with pytest.raises(ConfigError, match="both hosts and kubernetes"):
        load(written(tmp_path, text), {})
