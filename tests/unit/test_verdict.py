"""The verdict over a submission, with values taken from recordings of a real Marathon."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pamesos.clients import wire
from pamesos.core.observed import AppView, DeploymentView, QueueView, TaskView
from pamesos.core.uptime import Settling, measure
from pamesos.core.verdict import (
    CRASH_LOOP_FAILURES,
    Cancelled,
    Evidence,
    Failed,
    Observed,
    Pending,
    Submitted,
    Succeeded,
    Superseded,
    TimedOut,
    Verdict,
    judge,
)
from tests.contract.recorded_server import exchanges

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
DEADLINE = NOW + timedelta(minutes=10)
DEPLOY = "stack/01-deploy.jsonl"
CHANGES = "marathon/03-change-scale-rollback-delete.jsonl"
FAILING = "marathon/04-failing-tasks-and-kills.jsonl"
UNFIT = "marathon/05-unsatisfiable-and-unreachable.jsonl"


def replies(name: str, path: str) -> list[Any]:
    return [
        exchange["response_body"]
        for exchange in exchanges(name)
        if exchange["method"] == "GET" and exchange["path"] == path and exchange["status"] == 200
    ]


def app_of(name: str, app_id: str, **fields: Any) -> AppView:
    """Return the first recorded reply of an app whose JSON has these fields."""
    for body in replies(name, f"/v2/apps/{app_id}"):
        app = body["app"]
        if all(app.get(key) == value for key, value in fields.items()):
            return wire.parse_app(app)
    raise AssertionError(f"no such reply of {app_id} in {name}")


def deployed() -> dict[str, AppView]:
    """The apps of a real deployment that came up whole."""
    group = wire.parse_group(replies(DEPLOY, "/v2/groups")[-1])
    return {app.id: app for app in group.apps}


def running_deployments(name: str, deployment_id: str) -> tuple[DeploymentView, ...]:
    for body in replies(name, "/v2/deployments"):
        found = tuple(wire.parse_deployment(item) for item in body)
        if deployment_id in {deployment.id for deployment in found}:
            return found
    raise AssertionError(f"deployment {deployment_id} is not in {name}")


DEPLOYMENT = "380f9cea-1b76-4acd-8761-6ddc74ad4b11"
VERSION = "2026-11-22T16:31:33.819Z"
SUBMITTED = Submitted(
    "/pa", {"/pa/database": 1, "/pa/scheduler": 1, "/pa/nodes": 2}, DEPLOYMENT, VERSION
)


def verdict(
    apps: Mapping[str, AppView],
    deployments: tuple[DeploymentView, ...] = (),
    evidence: Evidence | None = None,
    *,
    submitted: Submitted = SUBMITTED,
    queue: Mapping[str, QueueView] | None = None,
    now: datetime = NOW,
) -> Verdict:
    observed = Observed(apps, deployments, queue or {})
    return judge(submitted, observed, evidence or Evidence(), now, DEADLINE)


def changed(app_id: str, **fields: Any) -> dict[str, AppView]:
    """The deployed apps with one of them changed."""
    apps = deployed()
    return {**apps, app_id: dataclasses.replace(apps[app_id], **fields)}


def without_task(app: AppView) -> AppView:
    return dataclasses.replace(app, tasks=app.tasks[:-1])


# -- success ------------------------------------------------------------------------------------


def test_a_group_that_is_up_after_its_deployment_succeeded() -> None:
    assert isinstance(verdict(deployed()), Succeeded)


def test_a_running_deployment_is_never_a_success() -> None:
    running = running_deployments(DEPLOY, DEPLOYMENT)

    assert isinstance(verdict(deployed(), running), Pending)


def test_another_deployment_of_an_app_is_waited_for() -> None:
    older = DeploymentView("other", "2026-11-22T16:00:00.000Z", ("/pa/nodes",))

    assert isinstance(verdict(deployed(), (older,)), Pending)


NOT_UP = [
    pytest.param(without_task, id="one of two instances is missing"),
    pytest.param(
        lambda app: dataclasses.replace(
            app, tasks=(app.tasks[0], dataclasses.replace(app.tasks[1], state="TASK_STAGING"))
        ),
        id="a task is staging",
    ),
    pytest.param(
        lambda app: dataclasses.replace(
            app, tasks=(app.tasks[0], dataclasses.replace(app.tasks[1], state="TASK_FAILED"))
        ),
        id="a task has failed",
    ),
    pytest.param(
        lambda app: dataclasses.replace(
            app, tasks=(app.tasks[0], dataclasses.replace(app.tasks[1], health_results=()))
        ),
        id="a check has not answered",
    ),
    pytest.param(
        lambda app: dataclasses.replace(
            app,
            tasks=(
                app.tasks[0],
                dataclasses.replace(
                    app.tasks[1],
                    health_results=(
                        dataclasses.replace(app.tasks[1].health_results[0], alive=False),
                    ),
                ),
            ),
        ),
        id="a task is unhealthy",
    ),
    pytest.param(
        lambda app: dataclasses.replace(
            app,
            last_config_change_at=app.version,
            tasks=(
                *app.tasks,
                dataclasses.replace(app.tasks[0], id="old", version="2026-11-22T10:00:00.000Z"),
            ),
        ),
        id="a task of the old definition still runs",
    ),
]


@pytest.mark.parametrize("spoil", NOT_UP)
def test_marathons_word_is_not_enough_while_an_app_is_not_up(spoil: Any) -> None:
    apps = deployed()
    apps["/pa/nodes"] = spoil(apps["/pa/nodes"])

    assert isinstance(verdict(apps), Pending)


def test_an_app_that_is_not_there_is_not_up() -> None:
    apps = deployed()
    del apps["/pa/nodes"]

    assert isinstance(verdict(apps), Pending)


def test_two_health_checks_must_both_have_answered() -> None:
    apps = deployed()
    scheduler = apps["/pa/scheduler"]
    task = dataclasses.replace(
        scheduler.tasks[0], health_results=scheduler.tasks[0].health_results[:1]
    )

    assert scheduler.health_checks == 2
    assert isinstance(verdict(changed("/pa/scheduler", tasks=(task,))), Pending)


def test_the_health_of_a_dead_incarnation_does_not_count() -> None:
    # Recorded 9 s after its relaunch: Marathon still shows the last success of the task before.
    body = next(
        exchange["response_body"]
        for exchange in exchanges("stack/03-node-fails-8-times.jsonl")
        if exchange["path"] == "/v2/apps//pa/nodes"
    )
    app = wire.parse_app(body["app"])

    measured = measure(app, NOW, Settling())

    assert (measured.running, measured.healthy) == (2, 1)
    assert app.healthy == 2  # what Marathon counts


def test_more_tasks_than_wanted_are_no_reason_to_wait() -> None:
    # Fact 24: a returned task left 4 of 3 running.
    nodes = deployed()["/pa/nodes"]
    extra = dataclasses.replace(nodes.tasks[0], id=nodes.tasks[0].id.replace("._app.1", "._app.2"))
    extra = dataclasses.replace(extra, staged_at=None)

    assert isinstance(verdict(changed("/pa/nodes", tasks=(*nodes.tasks, extra))), Succeeded)


def test_a_node_that_is_not_ready_in_its_deployment_is_waited_for() -> None:
    body = next(
        body
        for body in replies(
            "marathon/02-group-with-dependencies.jsonl", "/v2/apps//proactive/database"
        )
        if body["app"].get("readinessCheckResults")
    )
    app = wire.parse_app(body["app"])

    in_deployment = measure(app, NOW, Settling())
    afterwards = measure(app, NOW, Settling(), deploying=False)

    assert not in_deployment.up
    assert afterwards.up


# -- apps without checks ------------------------------------------------------------------------


def plain_app(count: int, *, instances: int | None = None) -> AppView:
    """An app without checks, as in recording 04, with so many running tasks."""
    app = app_of(FAILING, "/fail/a")
    task = TaskView("fail_a.instance-x._app.1", "/fail/a", "TASK_RUNNING", version=app.version)
    tasks = tuple(dataclasses.replace(task, id=f"{task.id}-{n}") for n in range(count))
    return dataclasses.replace(
        app, tasks=tasks, instances=instances or count, last_failure=None, deployment_ids=()
    )


def plain(app: AppView) -> Submitted:
    return Submitted("/fail", {app.id: app.instances}, "d", app.version)


def test_369_of_1000_instances_are_no_success() -> None:
    app = plain_app(369, instances=1000)
    settled = Evidence(Settling(before=frozenset(task.id for task in app.tasks)))

    assert isinstance(verdict({app.id: app}, (), settled, submitted=plain(app)), Pending)


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(0.3, Pending, id="300 ms old: it may fail at once, as recorded"),
        pytest.param(1.9, Pending, id="just under the settle time"),
        pytest.param(2.0, Succeeded, id="settled"),
    ],
)
def test_a_task_without_checks_must_survive_its_start(age_s: float, expected: type) -> None:
    app = plain_app(1)
    since = NOW - timedelta(seconds=age_s)
    evidence = Evidence(Settling({app.tasks[0].id: since}))

    result = verdict({app.id: app}, (), evidence, submitted=plain(app))

    assert isinstance(result, expected)
    if isinstance(result, Pending):
        assert result.look_again_at == since + timedelta(seconds=2)


def test_a_task_that_ran_before_the_submission_need_not_settle() -> None:
    app = plain_app(1)
    evidence = Evidence(Settling({app.tasks[0].id: NOW}, before=frozenset({app.tasks[0].id})))

    assert isinstance(verdict({app.id: app}, (), evidence, submitted=plain(app)), Succeeded)


# -- failure ------------------------------------------------------------------------------------


def failed_ids(count: int) -> frozenset[str]:
    instance = "fail_a.instance-0b36815b-e68b-11f1-822e-729e5334f0e6"
    return frozenset(f"{instance}._app.{number + 1}" for number in range(count))


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        pytest.param(CRASH_LOOP_FAILURES - 1, Pending, id="one short of a crash loop"),
        pytest.param(CRASH_LOOP_FAILURES, Failed, id="a crash loop"),
    ],
)
def test_an_app_that_fails_again_and_again_has_failed(failures: int, expected: type) -> None:
    app = app_of(FAILING, "/fail/a", tasksRunning=0)
    evidence = Evidence(failed_tasks={app.id: failed_ids(failures)})

    app = dataclasses.replace(app, tasks=())
    result = verdict({app.id: app}, (), evidence, submitted=plain(app))

    assert isinstance(result, expected)
    if isinstance(result, Failed):
        assert app.last_failure is not None
        assert app.last_failure.message in result.cause
        assert result.app_id == "/fail/a"


def test_failures_that_no_read_saw_are_counted_by_the_incarnation() -> None:
    app = app_of(FAILING, "/fail/a")
    instance = "fail_a.instance-0b36815b-e68b-11f1-822e-729e5334f0e6"
    task = TaskView(f"{instance}._app.{CRASH_LOOP_FAILURES + 1}", app.id, "TASK_STAGING")
    app = dataclasses.replace(app, tasks=(task,))

    assert isinstance(verdict({app.id: app}, submitted=plain(app)), Failed)


def test_an_old_task_of_many_incarnations_is_no_crash_loop() -> None:
    instance = "fail_a.instance-0b36815b-e68b-11f1-822e-729e5334f0e6"
    task = TaskView(f"{instance}._app.90", "/fail/a", "TASK_STAGING")
    app = dataclasses.replace(plain_app(1), tasks=(task,))
    evidence = Evidence(Settling(before=frozenset({f"{instance}._app.89"})))

    assert isinstance(verdict({app.id: app}, (), evidence, submitted=plain(app)), Pending)


def test_single_failures_of_many_instances_are_no_crash_loop() -> None:
    app = dataclasses.replace(plain_app(2), instances=100)
    ids = frozenset(f"fail_a.instance-{n:036d}._app.1" for n in range(50))
    evidence = Evidence(failed_tasks={app.id: ids})

    assert isinstance(verdict({app.id: app}, (), evidence, submitted=plain(app)), Pending)


def test_a_deployment_that_marathon_gave_up_for_another_reason_has_failed() -> None:
    evidence = Evidence(
        deployment_failed_at=NOW - timedelta(seconds=2), deployment_failed_reason="no such plan"
    )

    result = verdict(deployed(), (), evidence)

    assert result == Failed("Marathon gave the deployment up: no such plan")


# -- cancelled and superseded -------------------------------------------------------------------

CANCEL_REASON = "The upgrade has been cancelled"
ROLLED_BACK = "3c312333-0469-4733-a484-1dbe09b88c69"
ROLLED_BACK_VERSION = "2026-11-22T15:53:55.875Z"
NODES = "/proactive/nodes"


def submitted_nodes(deployment_id: str, version: str) -> Submitted:
    return Submitted("/proactive", {NODES: 3}, deployment_id, version)


def test_a_deployment_that_was_rolled_back_is_cancelled() -> None:
    # Recorded: the rollback takes the app back to a version that lies before the submitted one.
    app = app_of(CHANGES, NODES, version="2026-11-22T15:27:24.712Z", deployments=[])
    submitted = submitted_nodes(ROLLED_BACK, ROLLED_BACK_VERSION)
    evidence = Evidence(reached=frozenset({NODES}), deployment_failed_at=NOW)

    result = verdict({NODES: app}, (), evidence, submitted=submitted)

    assert isinstance(result, Cancelled)
    assert "rolled back" in result.cause


def test_a_deployment_cancelled_without_rollback_is_cancelled_though_marathon_lists_nothing() -> (
    None
):
    # Recorded: 202, old and new tasks side by side, no deployment any more.
    app = app_of(CHANGES, NODES, version="2026-11-22T15:54:02.495Z", deployments=[])
    submitted = submitted_nodes("f9a67dc6-ff99-4619-b073-3ff3442d6e15", app.version)
    evidence = Evidence(
        reached=frozenset({NODES}),
        deployment_failed_at=NOW - timedelta(seconds=1),
        deployment_failed_reason=CANCEL_REASON,
    )

    result = verdict({NODES: app}, (), evidence, submitted=submitted)

    assert isinstance(result, Cancelled)
    assert "without a rollback" in result.cause


def test_tasks_of_two_definitions_side_by_side_are_never_a_success() -> None:
    app = app_of(CHANGES, NODES, version="2026-11-22T15:54:02.495Z", deployments=[])
    submitted = submitted_nodes("f9a67dc6-ff99-4619-b073-3ff3442d6e15", app.version)

    result = verdict({NODES: app}, submitted=submitted)

    assert isinstance(result, Pending)
    assert result.progress[0].outdated == 3


def test_a_cancelled_deployment_waits_a_moment_for_what_caused_it() -> None:
    evidence = Evidence(deployment_failed_at=NOW, deployment_failed_reason=CANCEL_REASON)
    running = running_deployments(DEPLOY, DEPLOYMENT)

    result = verdict(deployed(), running, evidence)

    assert isinstance(result, Pending)
    assert result.look_again_at == NOW + timedelta(seconds=1)


def test_a_forced_change_of_somebody_else_supersedes() -> None:
    # Recorded: "force over it" cancels the first deployment and gives the app a newer version.
    app = app_of(CHANGES, NODES, version="2026-11-22T15:53:53.659Z")
    submitted = submitted_nodes("03d25113-2ece-448a-84a0-8b9987c9c803", "2026-11-22T15:53:45.893Z")
    evidence = Evidence(
        reached=frozenset({NODES}),
        deployment_failed_at=NOW - timedelta(seconds=5),
        deployment_failed_reason=CANCEL_REASON,
    )

    result = verdict({NODES: app}, (), evidence, submitted=submitted)

    assert isinstance(result, Superseded)
    assert "2026-11-22T15:53:53.659Z" in result.cause


def test_a_newer_deployment_supersedes_before_its_version_is_read() -> None:
    newer = DeploymentView("other", "2026-11-22T18:00:00.000Z", ("/pa/nodes",))

    result = verdict(deployed(), (newer,))

    assert isinstance(result, Superseded)
    assert "other" in result.cause


def test_a_newer_deployment_of_another_group_is_none_of_our_business() -> None:
    newer = DeploymentView("other", "2026-11-22T18:00:00.000Z", ("/else/app",))

    assert isinstance(verdict(deployed(), (newer,)), Succeeded)


def test_an_app_that_vanishes_was_removed_by_somebody() -> None:
    apps = deployed()
    del apps["/pa/nodes"]

    result = verdict(apps, (), Evidence(reached=frozenset({"/pa/nodes"})))

    assert isinstance(result, Superseded)


def test_a_first_submission_that_is_cancelled_vanishes() -> None:
    evidence = Evidence(
        reached=frozenset(SUBMITTED.instances),
        deployment_failed_at=NOW,
        deployment_failed_reason=CANCEL_REASON,
    )

    assert isinstance(verdict({}, (), evidence), Cancelled)


# -- timed out ----------------------------------------------------------------------------------


def timed_out(
    apps: Mapping[str, AppView],
    deployments: tuple[DeploymentView, ...] = (),
    *,
    queue: Mapping[str, QueueView] | None = None,
    submitted: Submitted = SUBMITTED,
) -> TimedOut:
    result = verdict(apps, deployments, submitted=submitted, queue=queue, now=DEADLINE)
    assert isinstance(result, TimedOut)
    return result


def test_a_timeout_names_what_was_asked_and_the_best_offer() -> None:
    bodies = replies(UNFIT, "/v2/queue")
    entry = next(
        entry for body in bodies for entry in body["queue"] if entry.get("lastUnusedOffers")
    )
    app = dataclasses.replace(wire.parse_app(entry["app"]), instances=1)
    queue = {app.id: wire.parse_queue_entry(entry)}
    submitted = Submitted("/u", {app.id: 1}, "d", app.version)

    cause = timed_out({app.id: app}, queue=queue, submitted=submitted).cause

    assert cause == (
        "/u/a: no offer fits: asked cpus 1000, memory 32 MiB, disk 0 MiB; refused for too few "
        "cpus (5 of 5 offers); best offer: cpus 8, memory 16384 MiB, disk 100000 MiB on 127.0.1.3"
    )


def test_a_timeout_names_the_app_that_holds_up_the_others() -> None:
    apps = deployed()
    database = apps["/pa/database"]
    unchecked = dataclasses.replace(database.tasks[0], health_results=())
    apps["/pa/database"] = dataclasses.replace(database, tasks=(unchecked,))
    for app_id in ("/pa/scheduler", "/pa/nodes"):
        apps[app_id] = dataclasses.replace(apps[app_id], tasks=())

    result = timed_out(apps)

    assert result.app_id == "/pa/database"
    assert "its health check has not passed yet" in result.cause
    assert "16:31:36 UTC" in result.cause


CAUSES = [
    pytest.param({"tasks": ()}, "0 of 2 run", id="nothing runs"),
    pytest.param({"state": "TASK_STAGING"}, "2 of 2 are still starting", id="starting"),
    pytest.param({"state": "TASK_UNREACHABLE"}, "cannot be reached", id="unreachable"),
]


@pytest.mark.parametrize(("change", "words"), CAUSES)
def test_a_timeout_says_why(change: dict[str, Any], words: str) -> None:
    nodes = deployed()["/pa/nodes"]
    tasks = change.get("tasks", nodes.tasks)
    if "state" in change:
        tasks = tuple(dataclasses.replace(task, state=change["state"]) for task in tasks)

    assert words in timed_out(changed("/pa/nodes", tasks=tasks)).cause


def test_a_timeout_with_all_apps_up_names_the_deployment_that_runs() -> None:
    running = running_deployments(DEPLOY, DEPLOYMENT)

    assert DEPLOYMENT in timed_out(deployed(), running).cause


def test_a_timeout_names_the_readiness_check_that_says_no() -> None:
    body = next(
        body
        for body in replies(
            "marathon/02-group-with-dependencies.jsonl", "/v2/apps//proactive/database"
        )
        if body["app"].get("readinessCheckResults")
    )
    app = dataclasses.replace(wire.parse_app(body["app"]), health_checks=0)
    submitted = Submitted("/proactive", {app.id: 1}, app.deployment_ids[0], app.version)
    running = running_deployments(
        "marathon/02-group-with-dependencies.jsonl", app.deployment_ids[0]
    )

    cause = timed_out({app.id: app}, running, submitted=submitted).cause

    assert cause == "/proactive/database: its readiness check readinessCheck answers HTTP 503"


def test_a_timeout_shows_the_last_failure() -> None:
    app = app_of(FAILING, "/fail/a", tasksRunning=0)
    assert app.last_failure is not None
    app = dataclasses.replace(app, tasks=())

    assert app.last_failure.message in timed_out({app.id: app}, submitted=plain(app)).cause
