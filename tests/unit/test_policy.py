"""How a cluster is watched is read from the labels of its live group."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pamesos.core import names
from pamesos.core.observed import AppView, GroupView
from pamesos.core.policy import Policy, policy_of
from pamesos.core.snapshot import ClusterSnapshot

DEFAULT = Policy()


def labelled(*labels: dict[str, str]) -> ClusterSnapshot:
    """A cluster with a node source for each set of labels (without their common prefix)."""
    apps = tuple(
        AppView(
            f"/small/source-{n}",
            1,
            "v1",
            labels={names.LABEL_WATCH + key: value for key, value in some.items()},
        )
        for n, some in enumerate(labels)
    )
    return ClusterSnapshot(GroupView("/small", "v1", apps))


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    ("labels", "field", "expected"),
    [
        pytest.param({"grace": "5"}, "grace", seconds(5), id="grace"),
        pytest.param({"grace": "5"}, "register_grace", seconds(20), id="four-times-grace"),
        pytest.param(
            {"grace": "5", "register-grace": "60"}, "register_grace", seconds(60), id="its-own"
        ),
        pytest.param({"register-grace": "60"}, "grace", DEFAULT.grace, id="the-other-is-kept"),
        pytest.param({"budget": "0"}, "budget", 0, id="no-help-at-all"),
        pytest.param({"window": "60"}, "window", seconds(60), id="window"),
        pytest.param({"mass-share": "0.25"}, "mass_share", 0.25, id="share"),
        pytest.param({"kills-per-minute": "2"}, "kills_per_minute", 2, id="rate"),
        pytest.param({"agent-failures": "4"}, "agent_failures", 4, id="agent"),
        pytest.param({"drain-deadline": "0"}, "drain_deadline", seconds(0), id="no-wait"),
        pytest.param({"grace": "soon"}, "grace", DEFAULT.grace, id="no-number"),
        pytest.param({"grace": "-1"}, "grace", DEFAULT.grace, id="negative"),
        pytest.param({"grace": "nan"}, "grace", DEFAULT.grace, id="nan"),
        pytest.param({"window": "1e99"}, "window", DEFAULT.window, id="beyond-all-time"),
        pytest.param({"grace": ""}, "grace", DEFAULT.grace, id="empty"),
    ],
)
def test_a_label_sets_its_field(labels, field, expected):
    assert getattr(policy_of(labelled(labels)), field) == expected


def test_of_two_node_sources_the_more_patient_wins():
    policy = policy_of(
        labelled(
            {"grace": "5", "mass-share": "0.9", "kills-per-minute": "3"},
            {"grace": "50", "mass-share": "0.2", "kills-per-minute": "30"},
        )
    )

    assert (policy.grace, policy.mass_share, policy.kills_per_minute) == (seconds(50), 0.2, 3)


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(labelled({}), id="no-labels"),
        pytest.param(ClusterSnapshot(group=None), id="marathon-unreadable"),
    ],
)
def test_without_labels_the_defaults_hold(snapshot):
    assert policy_of(snapshot) == DEFAULT
