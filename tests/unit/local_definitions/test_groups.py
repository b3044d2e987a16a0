"""Groups: ids, judging, applying, going back, and the plan to get there."""

from __future__ import annotations

from typing import Any

import pytest

from pamesos.local.definitions import groups
from pamesos.local.definitions.refusal import Refusal
from pamesos.local.definitions.settings import Settings
from pamesos.local.definitions.settle import settle
from pamesos.local.deployments.plan import build_plan
from pamesos.local.store.root import Root, render

SETTINGS = Settings()
OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
EMPTY = Root.empty(OLD)


def app(name: str, *dependencies: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "cmd": "sleep 1", "dependencies": list(dependencies), **fields}


TIERS = {
    "apps": [
        app("database"),
        app("scheduler", "/c/database"),
        app("nodes", "/c/scheduler", instances=3),
    ]
}


def put(root: Root, path: str, body: Any, version: str = NEW, old: Root | None = None) -> Root:
    change = groups.read_change(body, path, root, SETTINGS, creation=False)
    return settle(root, groups.apply(root, change, version, old), SETTINGS)


def refused(root: Root, path: str, body: Any) -> Any:
    with pytest.raises(Refusal) as caught:
        put(root, path, body)
    assert caught.value.status == 422
    return caught.value.body


def steps(original: Root, target: Root, restart: frozenset[str] = frozenset()) -> list[Any]:
    plan = build_plan(original, target, plan_id="p", version=NEW, restart=restart)
    return [[(action.action, action.app) for action in step] for step in plan.steps]


def test_a_new_group_starts_in_the_order_of_its_dependencies() -> None:
    assert steps(EMPTY, put(EMPTY, "/c", TIERS)) == [
        [("StartApplication", f"/c/{name}") for name in ("database", "scheduler", "nodes")],
        [("ScaleApplication", "/c/database")],
        [("ScaleApplication", "/c/scheduler")],
        [("ScaleApplication", "/c/nodes")],
    ]


def test_the_same_group_again_needs_nothing_though_a_dry_run_says_so() -> None:
    root = put(EMPTY, "/c", TIERS)
    assert steps(root, put(root, "/c", TIERS)) == []
    change = groups.read_change(TIERS, "/c", root, SETTINGS, creation=False)
    planned = groups.dry_run(root, change, None)
    assert [[a.action for a in step] for step in planned.steps] == [["RestartApplication"]] * 3


def test_an_app_left_out_is_stopped_and_a_changed_one_restarted() -> None:
    root = put(EMPTY, "/c", TIERS)
    less = {"apps": [app("database", cpus=2), app("scheduler", "/c/database", instances=2)]}
    assert steps(root, put(root, "/c", less)) == [
        [("StopApplication", "/c/nodes")],
        [("RestartApplication", "/c/database")],
        [("ScaleApplication", "/c/scheduler")],
    ]


def test_a_restart_is_planned_without_a_change() -> None:
    root = put(EMPTY, "/c", TIERS)
    chosen = frozenset({"/c/nodes"})
    assert steps(root, settle(root, root, SETTINGS, restart=chosen), chosen) == [
        [("RestartApplication", "/c/nodes")]
    ]


def test_scaling_a_group_multiplies_and_rounds_up() -> None:
    root = put(put(EMPTY, "/c", TIERS), "/c", {"scaleBy": 0.5})
    assert {key: each["instances"] for key, each in root.apps.items()} == {
        "/c/database": 1,
        "/c/scheduler": 1,
        "/c/nodes": 2,
    }


def test_a_group_goes_back_to_an_earlier_version() -> None:
    first = put(EMPTY, "/c", TIERS, OLD)
    second = put(first, "/c", {"apps": []})
    back = put(second, "/c", {"version": OLD}, NEW, first)
    assert back.apps.keys() == first.apps.keys()


def test_a_dry_run_of_going_back_restarts_what_has_another_version() -> None:
    first = put(EMPTY, "/c", TIERS, OLD)
    changed = {"apps": [*TIERS["apps"][:2], app("nodes", "/c/scheduler", instances=4)]}
    second = put(first, "/c", changed)
    again = put(second, "/c", {"version": OLD}, "2026-01-03T00:00:00.000Z", first)
    change = groups.read_change({"version": OLD}, "/c", again, SETTINGS, creation=False)
    planned = groups.dry_run(again, change, first)
    assert [[(a.action, a.app) for a in step] for step in planned.steps] == [
        [("RestartApplication", "/c/nodes")]
    ]


def test_a_version_that_is_not_kept_is_refused() -> None:
    root = put(EMPTY, "/c", TIERS)
    assert refused(root, "/c", {"version": OLD}) == {
        "message": f"Group /c not available in version {OLD}"
    }


@pytest.mark.parametrize(
    ("body", "path", "error"),
    [
        pytest.param(
            {"apps": [app("a", "b"), app("b", "a")]},
            "/",
            "Dependency graph has cyclic dependencies.",
            id="cycle",
        ),
        pytest.param(
            {"apps": [app("a", "/c")]},
            "/",
            "Dependency graph has cyclic dependencies.",
            id="on its own group",
        ),
        pytest.param(
            {"apps": [app("/other/a")]},
            "/apps(0)/id",
            "Identifier is not child of '/c'",
            id="app of another group",
        ),
        pytest.param(
            {"groups": [{"id": "/other/s"}]},
            "/groups(1)",
            "Group has to be child of groups with parent id",
            id="group of another group",
        ),
        pytest.param(
            {"apps": [], "scaleBy": 2},
            "/scaleBy",
            "not allowed in conjunction with other properties.",
            id="scaled and changed",
        ),
        pytest.param(
            {"groups": [{"id": "s", "enforceRole": True}]},
            "/groups(0)/enforceRole",
            "enforceRole can only be set for top-level groups, and /c/s is not top-level",
            id="role below the top",
        ),
    ],
)
def test_a_group_that_breaks_a_rule_is_refused(body: dict[str, Any], path: str, error: str) -> None:
    details = refused(EMPTY, "/c", body)["details"]
    assert details == [{"path": path, "errors": [error]}]


def test_a_relative_id_in_the_body_leaves_its_apps_outside() -> None:
    details = refused(EMPTY, "/c", {"id": "c", "apps": [app("a")]})["details"]
    assert details[0]["errors"] == ["Identifier is not child of '/c/c/c'"]


def test_a_group_inside_that_is_there_already_cannot_be_sent_again_with_its_parent() -> None:
    """The real one takes its missing enforceRole for a change (marathon-fuzz, enforceRole)."""
    nested = {"groups": [{"id": "nodes", "apps": [app("a")]}]}
    root = put(EMPTY, "/c", nested)
    assert refused(root, "/c", nested)["details"][0]["path"] == "/groups(0)/enforceRole"
    assert "/c/nodes/b" in put(root, "/c/nodes", {"apps": [app("b")]}).apps


def test_dependencies_on_what_does_not_exist_count_for_nothing() -> None:
    assert len(steps(EMPTY, put(EMPTY, "/c", {"apps": [app("a", "/nowhere")]}))) == 2


def test_an_empty_group_gives_way_to_an_app_of_its_id() -> None:
    root = put(EMPTY, "/c", {"apps": [app("s")], "groups": [{"id": "s"}]})
    shown = render(root, "/c")
    assert [each["id"] for each in shown["apps"]] == ["/c/s"]
    assert shown["groups"] == []


def test_an_app_cannot_take_the_id_of_a_group_with_apps() -> None:
    root = put(EMPTY, "/c/s", {"apps": [app("a")]})
    body = refused(root, "/c", {"apps": [app("s")]})
    assert body["details"] == [
        {
            "path": "/groups(0)",
            "errors": ["Groups and Applications may not have the same identifier."],
        }
    ]


def test_a_group_enforces_its_role_on_its_apps() -> None:
    root = put(EMPTY, "/dev", {"enforceRole": True, "apps": [app("a")]})
    assert root.apps["/dev/a"]["role"] == "dev"
    assert render(root, "/dev")["enforceRole"] is True


def test_a_thousand_apps_are_planned_without_copying_them() -> None:
    many = {"apps": [app(f"a{i}", *([f"/c/a{i - 1}"] if i % 10 else [])) for i in range(1000)]}
    root = put(EMPTY, "/c", many)
    again = put(root, "/c", {"dependencies": []})
    assert all(again.apps[key] is each for key, each in root.apps.items())
    assert len(steps(EMPTY, root)) == 11
