"""Which apps a word means, and in which order a group is taken down."""

from __future__ import annotations

import pytest

from pamesos.core import names
from pamesos.core.observed import AppView, GroupView, TaskView
from pamesos.core.selection import instances_of, select, teardown_layers
from pamesos.errors import NotFoundError


def app(app_id: str, *dependencies: str, **labels: str) -> AppView:
    known = {"tier": names.LABEL_TIER, "source": names.LABEL_NODE_SOURCE}
    return AppView(
        app_id,
        1,
        "v",
        labels={known[key]: value for key, value in labels.items()},
        dependencies=dependencies,
        tasks=(TaskView(f"{app_id.strip('/')}.task", app_id, "TASK_RUNNING"),),
    )


DATABASE = app("/small/database", tier="database")
SCHEDULER = app("/small/scheduler", "/small/database", tier="scheduler")
GPU = app("/small/gpu", "/small/scheduler", tier="nodes", source="gpu")
CPU = app("/small/cpu", "/small/scheduler", tier="nodes", source="cpu")
SMALL = GroupView("/small", "v", (DATABASE, CPU, GPU, SCHEDULER))


@pytest.mark.parametrize(
    ("word", "found"),
    [
        pytest.param("gpu", (GPU,), id="a node source"),
        pytest.param("nodes", (CPU, GPU), id="a tier of two node sources"),
        pytest.param("scheduler", (SCHEDULER,), id="a tier of one app"),
        pytest.param("/small/cpu", (CPU,), id="an id below the group"),
        pytest.param("/small/database", (DATABASE,), id="an absolute id"),
        pytest.param("small/database.task", (DATABASE,), id="a task"),
    ],
)
def test_a_word_names_apps(word: str, found: tuple[AppView, ...]) -> None:
    assert select(SMALL, word) == found


def test_an_unknown_word_lists_those_that_would_do() -> None:
    with pytest.raises(NotFoundError) as caught:
        select(SMALL, "gpus")

    assert "cpu, database, gpu, scheduler" in caught.value.remedy


@pytest.mark.parametrize(
    ("apps", "layers"),
    [
        pytest.param(
            SMALL.apps,
            [{"/small/cpu", "/small/gpu"}, {"/small/scheduler"}, {"/small/database"}],
            id="a cluster",
        ),
        pytest.param(
            (app("/a", tier="database"), app("/b", tier="scheduler"), app("/c", tier="nodes")),
            [{"/c"}, {"/b"}, {"/a"}],
            id="tiers without dependencies",
        ),
        pytest.param(
            (app("/p/a"), app("/p/b", "/p/a"), app("/p/c", "/p/b"), app("/p/d")),
            [{"/p/c", "/p/d"}, {"/p/b"}, {"/p/a"}],
            id="a plain group",
        ),
        pytest.param(
            (app("/t/db/pg"), app("/t/web", "/t/db")),
            [{"/t/web"}, {"/t/db/pg"}],
            id="a dependency on a group",
        ),
        pytest.param(
            (app("/x", "/y"), app("/y", "/x")), [{"/x", "/y"}], id="a circle goes together"
        ),
        pytest.param((), [], id="an empty group"),
    ],
)
def test_what_others_depend_on_goes_last(apps: tuple[AppView, ...], layers: list[set[str]]) -> None:
    assert [{app.id for app in layer} for layer in teardown_layers(apps)] == layers


def test_relative_ids_of_a_group_resolve_below_it() -> None:
    group = {
        "id": "/top",
        "apps": [{"id": "a"}, {"id": "/top/b", "instances": 0}],
        "groups": [{"id": "sub", "apps": [{"id": "c", "instances": 3}]}],
    }

    assert instances_of(group) == {"/top/a": 1, "/top/b": 0, "/top/sub/c": 3}
