"""The PyPI client ``marathon`` (marathon-python 0.13.0) against the embedded Marathon: all of it.

Its own bugs are worked round here and nowhere else; the real Marathon meets them just the same:

- it uses ``collections.Iterable``, which Python 3.10 removed: nothing could be sent;
- ``from_json`` dies with TypeError on members it does not know (style, section 4): ``enforceRole``
  of groups and ``role`` of queue entries, both recorded; and it spells ``tasksStats`` without an s;
- it cannot read the plans of deployment events, which have no ``original`` and ``target``
  (recordings/marathon/06): those are read raw;
- it warns through a deprecated method of ``logging`` at every COMMAND check that Marathon shows;
- it rolls a group back, and lists event subscriptions, with URIs that Marathon 1.11 does not have.
"""

from __future__ import annotations

import collections
import collections.abc
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import wait_for
from tests.local.api import Api

marathon = pytest.importorskip("marathon", reason="needs the PyPI client `marathon`")

from marathon import MarathonClient  # noqa: E402 - only where it is installed
from marathon.exceptions import (  # noqa: E402
    ConflictError,
    InternalServerError,
    MarathonHttpError,
    NotFoundError,
)
from marathon.models import MarathonApp, MarathonGroup, MarathonHealthCheck  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated")

APP = "/py/a"
_UNKNOWN = {"enforceRole", "role"}


def _readable(answer: requests.Response, **_: Any) -> requests.Response:
    """Leave out what the client cannot read, and spell what it misspells."""
    if not answer.request.path_url.startswith(("/v2/groups", "/v2/queue", "/v2/apps")):
        return answer
    if answer.status_code == 200:
        answer._content = json.dumps(_without(answer.json())).encode()
    return answer


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(each) for each in value]
    if not isinstance(value, dict):
        return value
    unknown = _UNKNOWN if {"enforceRole", "processedOffersSummary"} & value.keys() else set()
    return {
        "taskStats" if name == "tasksStats" else name: _without(each)
        for name, each in value.items()
        if name not in unknown
    }


@pytest.fixture
def client(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[MarathonClient]:
    """Return the client with its own bugs worked round."""
    monkeypatch.setattr(collections, "Iterable", collections.abc.Iterable, raising=False)
    with requests.Session() as session, requests.Session() as stream:
        session.hooks["response"].append(_readable)
        yield MarathonClient(api.url, session=session, sse_session=stream)


def _app(cmd: str = "exec sleep 600", **fields: Any) -> MarathonApp:
    return MarathonApp(cmd=cmd, cpus=0.1, mem=32, backoff_seconds=0, **fields)


@pytest.fixture
def created(api: Api, client: MarathonClient) -> MarathonApp:
    """Return an app that the client created, when it runs."""
    check = MarathonHealthCheck(
        protocol="COMMAND", command="true", interval_seconds=1, delay_seconds=1
    )
    wanted = _app(
        instances=2,
        labels={"k": "v"},
        env={"A": "b"},
        constraints=[("hostname", "LIKE", ".*")],
        health_checks=[check],
    )
    made = client.create_app(APP, wanted)
    api.settle(40)
    return made


def test_an_app_is_created_and_read_with_all_that_can_be_embedded(
    client: MarathonClient, created: MarathonApp
) -> None:
    assert (created.id, created.instances, created.env) == (APP, 2, {"A": "b"})
    shown = client.get_app(
        APP,
        embed_tasks=True,
        embed_counts=True,
        embed_deployments=True,
        embed_readiness=True,
        embed_last_task_failure=True,
        embed_failures=True,
        embed_task_stats=True,
    )
    assert [task.app_id for task in shown.tasks] == [APP, APP]
    assert (shown.tasks_running, shown.tasks_healthy) == (2, 2)
    assert (shown.deployments, shown.readiness_check_results) == ([], [])
    assert shown.task_stats.total_summary.stats.counts.running == 2
    assert shown.constraints[0].json_repr() == ["hostname", "LIKE", ".*"]
    assert shown.health_checks[0].protocol == "COMMAND"


def test_apps_are_found_by_what_they_have(client: MarathonClient, created: MarathonApp) -> None:
    assert [app.id for app in client.list_apps(embed_counts=True)] == [created.id]
    assert [app.id for app in client.list_apps(cmd="sleep", app_id="py", label="k==v")] == [APP]
    assert [app.id for app in client.list_apps(instances=2)] == [APP]
    assert client.list_apps(label="k==other") == []
    assert client.list_apps(app_id="nope") == []


def test_an_app_is_changed_scaled_restarted_and_rolled_back(
    api: Api, client: MarathonClient, created: MarathonApp
) -> None:
    before = {task.id for task in client.list_tasks(APP)}
    assert client.update_app(APP, MarathonApp(labels={"k": "w"}))["deploymentId"]
    api.settle(40)
    assert client.get_app(APP).labels == {"k": "w"}
    client.scale_app(APP, instances=1)
    api.settle(40)
    client.scale_app(APP, delta=2)
    api.settle(40)
    assert client.get_app(APP).instances == 3
    running = {task.id for task in client.list_tasks(APP)}
    client.restart_app(APP)
    api.settle(40)
    assert not {task.id for task in client.list_tasks(APP)} & (running | before)
    versions = client.list_versions(APP)
    assert client.get_version(APP, versions[-1]).labels == created.labels == {"k": "v"}
    client.rollback_app(APP, versions[-1])
    api.settle(40)
    assert (client.get_app(APP).labels, client.get_app(APP).instances) == ({"k": "v"}, 2)


def test_several_apps_are_changed_at_once(api: Api, client: MarathonClient) -> None:
    client.create_app("/py/one", _app())
    api.settle()
    two = _app(instances=1)
    two.id = "/py/two"
    client.update_apps([MarathonApp(id="/py/one", instances=2), two])
    api.settle()
    assert {app.id: app.instances for app in client.list_apps()} == {"/py/one": 2, "/py/two": 1}


def test_an_app_is_deleted(api: Api, client: MarathonClient, created: MarathonApp) -> None:
    assert client.delete_app(created.id)["deploymentId"]
    api.settle()
    assert client.list_apps() == []
    with pytest.raises(NotFoundError, match="App '/py/a' does not exist"):
        client.get_app(APP)


def test_tasks_are_listed_and_killed_one_some_or_all(
    api: Api, client: MarathonClient, created: MarathonApp
) -> None:
    first, second = client.list_tasks(created.id)
    assert first.host == "127.0.0.1"
    assert {task.id for task in client.list_tasks()} == {first.id, second.id}
    endpoints = client.list_endpoints()
    assert {(each.host, each.task_port) for each in endpoints} == {
        ("127.0.0.1", task.ports[0]) for task in (first, second)
    }
    assert client.kill_task(APP, first.id).id == first.id
    _replaced(api, {first.id})
    assert client.kill_given_tasks([second.id]) is True
    _replaced(api, {second.id})
    both = {task.id for task in client.list_tasks(APP)}
    assert {task.id for task in client.kill_tasks(APP, host="127.0.0.1")} == both
    _replaced(api, both)
    assert client.kill_tasks(APP, host="elsewhere") == []
    assert client.kill_tasks(APP, scale=True)["deploymentId"]
    api.settle(40)
    assert client.get_app(APP).instances == 0


def _replaced(api: Api, gone: set[str]) -> None:
    def are_others() -> bool:
        ids = {task["id"] for task in api.running(APP)}
        return len(ids) == 2 and not ids & gone

    wait_for(are_others, 40, "the successors")


def test_groups_are_created_read_changed_scaled_and_deleted(
    api: Api, client: MarathonClient
) -> None:
    inner = _app()
    inner.id = "/g/a"
    assert client.create_group(MarathonGroup(id="/g", apps=[inner]))["deploymentId"]
    api.settle()
    assert [group.id for group in client.list_groups()] == ["/g"]
    shown = client.get_group("/g")
    assert [app.id for app in shown.apps] == ["/g/a"]
    other = _app(cmd="exec sleep 601")
    other.id = "/g/a"
    client.update_group("/g", MarathonGroup(id="/g", apps=[other]))
    api.settle()
    assert client.get_app("/g/a").cmd == "exec sleep 601"
    client.scale_group("/g", 3)
    api.settle()
    assert client.get_app("/g/a").instances == 3
    client.delete_group("/g")
    api.settle()
    with pytest.raises(NotFoundError, match="Group '/g' does not exist"):
        client.get_group("/g")


def test_deployments_are_listed_refused_and_cancelled(api: Api, client: MarathonClient) -> None:
    client.create_app("/py/never", _app(constraints=[("hostname", "CLUSTER", "elsewhere")]))
    [deployment] = client.list_deployments()
    assert deployment.affected_apps == ["/py/never"]
    assert deployment.current_actions[0].action == "ScaleApplication"
    with pytest.raises(ConflictError):
        client.scale_app("/py/never", instances=2)
    assert client.delete_deployment(deployment.id)["deploymentId"] != deployment.id
    api.settle()
    assert client.list_apps() == []
    client.create_app("/py/again", _app(constraints=[("hostname", "CLUSTER", "elsewhere")]))
    [deployment] = client.list_deployments()
    assert client.delete_deployment(deployment.id, force=True) == {}
    api.settle()
    assert [app.id for app in client.list_apps()] == ["/py/again"]


def test_the_queue_is_read_and_a_delay_reset(api: Api, client: MarathonClient) -> None:
    failing = MarathonApp(cmd="exit 1", cpus=0.1, mem=32, backoff_seconds=300)
    client.create_app("/py/failing", failing)
    [entry] = wait_for(client.list_queue)
    assert (entry.app.id, entry.count) == ("/py/failing", 1)
    held = wait_for(lambda: [e for e in client.list_queue() if not e.delay.overdue])
    assert 0 < held[0].delay.time_left_seconds <= 300
    assert client.list_queue(embed_last_unused_offers=True)[0].last_unused_offers == []
    ended = api.app("/py/failing", "lastTaskFailure")["lastTaskFailure"]["taskId"]
    client.reset_delay("/py/failing")
    wait_for(
        lambda: api.app("/py/failing", "lastTaskFailure")["lastTaskFailure"]["taskId"] != ended
    )


def test_what_marathon_says_of_itself_is_understood(api: Api, client: MarathonClient) -> None:
    info = client.get_info()
    assert (info.name, info.version, info.elected) == ("marathon", "1.11.26", True)
    assert info.http_config.http_port == int(api.url.rpartition(":")[2])
    assert client.get_leader() == {"leader": api.url.removeprefix("http://")}
    assert client.ping() == b'"pong"'
    assert "gauges" in client.get_metrics()


def test_the_leader_can_be_asked_to_abdicate(client: MarathonClient) -> None:
    assert client.delete_leader()["message"] == "Leadership abdicated"


def test_events_arrive_as_objects(client: MarathonClient) -> None:
    types = ["event_stream_attached", "status_update_event", "api_post_event"]
    stream = client.event_stream(event_types=types)
    assert type(next(stream)).__name__ == "MarathonEventStreamAttached"
    client.create_app("/py/told", _app())
    told = list(itertools.islice(stream, 3))
    assert sorted({event.event_type for event in told}) == sorted(types[1:])
    [posted] = [event for event in told if event.event_type == "api_post_event"]
    assert posted.app_definition["id"] == "/py/told"
    states = [event.task_status for event in told if event.event_type == "status_update_event"]
    assert states == ["TASK_STARTING", "TASK_RUNNING"]


def test_all_events_arrive_raw(client: MarathonClient) -> None:
    stream = client.event_stream(raw=True)
    next(stream)
    client.create_app("/py/told", _app())
    names = (json.loads(event)["eventType"] for event in stream)
    assert "deployment_success" in names


def test_refusals_carry_marathons_words(client: MarathonClient) -> None:
    with pytest.raises(MarathonHttpError) as caught:
        client.create_app("/py/bad", MarathonApp(cpus=0.1, mem=32))
    assert caught.value.status_code == 422
    assert caught.value.error_message == "Object is not valid"
    assert caught.value.error_details[0]["path"] == "/"
    client.create_app("/py/twice", _app())
    with pytest.raises(ConflictError, match=r"An app with id \[/py/twice\] already exists"):
        client.create_app("/py/twice", _app())


def test_what_marathon_has_no_more_is_refused_as_it_refuses_it(client: MarathonClient) -> None:
    for call in (client.list_event_subscriptions, lambda: client.create_event_subscription("x")):
        with pytest.raises(InternalServerError, match="URI not found"):
            call()
    with pytest.raises(MarathonHttpError) as caught:
        client.rollback_group("/g", "2026-11-22T00:00:00.000Z")
    assert caught.value.status_code == 422
