"""What Prometheus gets: whole, consistent, and all that the dashboard and the alerts ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pamesos.web.metrics import Exporter
from tests.boards import full_board

DOCS = Path(__file__).resolve().parents[2] / "docs"
DASHBOARD = DOCS / "grafana" / "dashboard.json"
ALERTS = DOCS / "prometheus" / "alerts.yml"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool of Debian's package `prometheus`"
)
_NAME = re.compile(r"\b(?:pamesos|process)_[a-z_]+\b")


@pytest.fixture(scope="module")
def exported() -> str:
    return Exporter(full_board(), lambda: {"sent": 3, "failed": 1, "dropped": 0}).render().decode()


def value(exported: str, name: str, **labels: str) -> float | None:
    """Return the one sample of a name and labels; None if there is none."""
    for family in text_string_to_metric_families(exported):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        pytest.param("pamesos_watched_clusters", {}, 11, id="clusters"),
        pytest.param("pamesos_event_stream_connected", {}, 1, id="stream"),
        pytest.param("pamesos_held", {"cluster": "/held"}, 1, id="held"),
        pytest.param("pamesos_held", {"cluster": "/up"}, 0, id="not held"),
        pytest.param("pamesos_given_up_apps", {"cluster": "/given-up"}, 1, id="given up"),
        pytest.param("pamesos_give_ups_total", {"cluster": "/given-up"}, 1, id="give-ups"),
        pytest.param("pamesos_bad_agents", {"cluster": "/bad-agent"}, 1, id="bad agent"),
        pytest.param("pamesos_suspects", {"cluster": "/suspicious"}, 1, id="suspects"),
        pytest.param("pamesos_rm_readable", {"cluster": "/held"}, 0, id="RM away"),
        pytest.param("pamesos_marathon_readable", {"cluster": "/unreadable"}, 0, id="blind"),
        pytest.param(
            "pamesos_node_tasks", {"cluster": "/not-whole", "state": "wanted"}, 2, id="wanted"
        ),
        pytest.param(
            "pamesos_node_tasks", {"cluster": "/not-whole", "state": "running"}, 1, id="running"
        ),
        pytest.param("pamesos_rm_nodes", {"cluster": "/up", "state": "free"}, 4, id="free"),
        pytest.param("pamesos_rm_nodes", {"cluster": "/suspicious", "state": "down"}, 2, id="down"),
        pytest.param(
            "pamesos_rm_nodes", {"cluster": "/held", "state": "free"}, None, id="unknown is not 0"
        ),
        pytest.param(
            "pamesos_actions_total",
            {"cluster": "/up", "action": "launch_delay.reset", "outcome": "failed"},
            1,
            id="a failed action",
        ),
        pytest.param(
            "pamesos_actions_total",
            {"cluster": "/up", "action": "rm_node.removed", "outcome": "not_needed"},
            1,
            id="an action that was not needed",
        ),
        pytest.param(
            "pamesos_reads_total",
            {"cluster": "/unreadable", "kind": "full", "outcome": "failed"},
            1,
            id="a failed read",
        ),
        pytest.param("pamesos_webhook_messages_total", {"outcome": "sent"}, 3, id="webhook"),
    ],
)
def test_the_board_is_exported_as_it_is(exported, name, labels, expected):
    assert value(exported, name, **labels) == expected


@pytest.mark.parametrize("file", [DASHBOARD, ALERTS], ids=lambda path: path.name)
def test_every_metric_that_is_asked_for_is_exported(exported, file):
    asked = set(_NAME.findall(expressions(file)))
    lines = exported.splitlines()
    samples = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    declared = {line.split()[2] for line in lines if line.startswith("# TYPE")}

    assert len(asked) > 10
    assert asked - samples - declared == set()


def expressions(file: Path) -> str:
    """Return all PromQL of a file; the alerts' text is all taken, it names metrics only there."""
    if file.suffix != ".json":
        return file.read_text()
    dashboard = json.loads(file.read_text())
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    queries = [variable.get("definition", "") for variable in dashboard["templating"]["list"]]
    return "\n".join([*(target["expr"] for target in targets), *queries])


def test_panels_of_the_dashboard_do_not_overlap():
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def promtool(*arguments: str, stdin: str | None = None) -> str:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], input=stdin, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_no_fault_in_what_is_exported(exported):
    assert "error" not in promtool("check", "metrics", stdin=exported).lower()


@needs_promtool
def test_the_alerts_fire_when_they_should_and_not_otherwise():
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))
    assert "SUCCESS" in promtool("test", "rules", str(ALERTS.parent / "alerts_test.yml"))


@needs_promtool
def test_the_queries_of_the_dashboard_are_promql(tmp_path):
    dashboard = json.loads(DASHBOARD.read_text())
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": plain(target["expr"])}
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
    file = tmp_path / "rules.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def plain(expression: str) -> str:
    return expression.replace("$cluster", ".*")
