"""Marathon's REST API: one method for each endpoint that pamesos uses; replies become values.

Nothing is ever forced: ``force=true`` cancels another deployment half-way and can leave old and
new tasks side by side (facts/marathon.md, 17). Bodies are neither logged nor quoted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pamesos.clients import wire
from pamesos.clients.http import Call, HttpClient, Reply, Retry
from pamesos.clients.refusals import refusal
from pamesos.core.connection import Connection
from pamesos.core.observed import (
    AppView,
    DeploymentRef,
    DeploymentView,
    GroupView,
    MarathonInfo,
    QueueView,
    TaskView,
)
from pamesos.errors import MarathonUnavailableError, NotFoundError

T = TypeVar("T")
Query = tuple[tuple[str, str], ...]

_PARTS = ("tasks", "counts", "deployments", "readiness", "lastTaskFailure")
_EMBED_APP: Query = tuple(("embed", f"app.{part}") for part in _PARTS)
_EMBED_GROUP: Query = (
    ("embed", "group.groups"),
    ("embed", "group.apps"),
    *(("embed", f"group.apps.{part}") for part in _PARTS),
)


def _path(kind: str, an_id: str, suffix: str = "") -> str:
    """Return ``/v2/apps/small/database``; the root group is ``/v2/groups``."""
    name = quote(an_id.strip("/"))
    return f"/v2/{kind}/{name}{suffix}" if name else f"/v2/{kind}{suffix}"


class MarathonClient:
    """One Marathon, however many masters serve it. Methods raise only pamesos errors:

    MarathonUnavailableError (no usable answer; ``sent`` tells whether a change may have been
    carried out), MarathonRefusedError, DeploymentLockedError (409), NotFoundError (404).
    """

    def __init__(
        self,
        connection: Connection,
        *,
        on_wait: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.connection = connection
        self._http = HttpClient(connection, MarathonUnavailableError, on_wait=on_wait, stop=stop)

    @property
    def url(self) -> str:
        """The address that answered last, without credentials."""
        return self._http.url

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    # -- reading ---------------------------------------------------------------------------------

    def ping(self) -> bool:
        """Whether ``/ping`` says pong."""
        return "pong" in str(self._send(Call("GET", "/ping", text=True)).body)

    def get_info(self) -> MarathonInfo:
        """Return version, leader and the address of the leading Mesos master."""
        return self._read("/v2/info", wire.parse_info)

    def get_leader(self) -> str | None:
        """Return ``host:port`` of the leader; None while there is none (404)."""
        try:
            return self._read("/v2/leader", lambda body: str(body["leader"]))
        except NotFoundError:
            return None

    def get_group(self, group_id: str = "/") -> GroupView:
        """Return a group with its apps, their tasks, counts, readiness and last failures."""
        return self._read(_path("groups", group_id), wire.parse_group, _EMBED_GROUP)

    def find_group(self, group_id: str) -> GroupView | None:
        """Return the group; None if there is none of that id."""
        try:
            return self.get_group(group_id)
        except NotFoundError:
            return None

    def get_app(self, app_id: str) -> AppView:
        """Return an app with its tasks, counts, readiness and last failure."""
        return self._read(
            _path("apps", app_id), lambda body: wire.parse_app(body["app"]), _EMBED_APP
        )

    def find_app(self, app_id: str) -> AppView | None:
        """Return the app; None if there is none of that id."""
        try:
            return self.get_app(app_id)
        except NotFoundError:
            return None

    def get_tasks(self) -> tuple[TaskView, ...]:
        """Return all tasks of this Marathon, failed ones that wait for their relaunch included."""
        return self._read(
            "/v2/tasks", lambda body: tuple(wire.parse_task(task) for task in body["tasks"])
        )

    def get_queue(self, *, offers: bool = False) -> tuple[QueueView, ...]:
        """Return the launch queue; with ``offers`` the offers that were refused last, too."""
        query = (("embed", "lastUnusedOffers"),) if offers else ()
        return self._read(
            "/v2/queue",
            lambda body: tuple(wire.parse_queue_entry(entry) for entry in body["queue"]),
            query,
        )

    def get_deployments(self) -> tuple[DeploymentView, ...]:
        """Return the deployments that are running."""
        return self._read(
            "/v2/deployments", lambda body: tuple(wire.parse_deployment(item) for item in body)
        )

    # -- changing --------------------------------------------------------------------------------

    def put_group(self, group: Mapping[str, Any]) -> DeploymentRef:
        """Replace the group of this ``id``; a 200 is no proof (facts 6 and 16): follow it.

        Sent again only if it surely never arrived; after a lost answer
        (``MarathonUnavailableError.sent``) the caller must look.
        """
        group_id = str(group["id"])
        body = dict(group)
        if "/" in group_id.strip("/"):
            # Named in the body, an existing group below the top level is refused: "enforceRole
            # cannot be modified …" (recordings/marathon-fuzz); named by the path alone it is not.
            # At the top level the id stays: a Marathon with --new_group_enforce_role=top reads it.
            del body["id"]
        return self._change("PUT", _path("groups", group_id), body=body)

    def put_app(self, app_id: str, changes: Mapping[str, Any]) -> DeploymentRef:
        """Change fields of an existing app; what is left out stays (fact 19)."""
        return self._change("PUT", _path("apps", app_id), body=changes)

    def scale_app(self, app_id: str, instances: int) -> DeploymentRef:
        """Set the number of instances; no task that stays is restarted."""
        return self.put_app(app_id, {"instances": instances})

    def restart_app(self, app_id: str) -> DeploymentRef:
        """Restart all tasks of an app as its upgrade strategy says."""
        return self._change("POST", _path("apps", app_id, "/restart"))

    def delete_app(self, app_id: str) -> DeploymentRef:
        """Delete an app. Marathon's default here is force=true (fact 15), so it is said."""
        return self._change("DELETE", _path("apps", app_id), query=(("force", "false"),))

    def delete_group(self, group_id: str) -> DeploymentRef:
        """Delete a group; Marathon stops all its apps in one step (stack.md, 13)."""
        return self._change("DELETE", _path("groups", group_id), query=(("force", "false"),))

    def kill_tasks(
        self, task_ids: Iterable[str], *, scale: bool = False, wipe: bool = False
    ) -> tuple[str, ...]:
        """Kill tasks; Marathon replaces them unless ``scale``. Returns the ids that it knew.

        With ``scale`` the answer is a deployment and names no task: all ids are returned.
        ``wipe`` gives up the tasks' persistent volumes; both at once are refused (400).
        """
        ids = tuple(task_ids)
        flags = (("scale", scale), ("wipe", wipe))
        query = tuple((name, "true") for name, wanted in flags if wanted)
        retry = Retry.UNSENT if scale else Retry.SAFE
        call = Call("POST", "/v2/tasks/delete", query, {"ids": list(ids)}, retry)
        reply = self._send(call)
        if scale:
            return ids
        return self._parsed(reply, lambda body: tuple(str(t["id"]) for t in body["tasks"]))

    def reset_delay(self, app_id: str) -> bool:
        """End the launch delay of an app; False if it was not queued (404), nothing to reset."""
        try:
            self._send(Call("DELETE", _path("queue", app_id, "/delay")))
        except NotFoundError:
            return False
        return True

    def cancel_deployment(self, deployment_id: str) -> DeploymentRef | None:
        """Cancel a deployment by rolling it back; None if it was over already (404)."""
        try:
            reply = self._send(Call("DELETE", f"/v2/deployments/{quote(deployment_id)}"))
        except NotFoundError:
            return None
        return self._parsed(reply, _deployment_ref)

    # -- inside ----------------------------------------------------------------------------------

    def _read(self, path: str, parse: Callable[[Any], T], query: Query = ()) -> T:
        return self._parsed(self._send(Call("GET", path, query)), parse)

    def _change(
        self, method: str, path: str, *, query: Query = (), body: Any = None
    ) -> DeploymentRef:
        reply = self._send(Call(method, path, query, body, Retry.UNSENT))
        return self._parsed(reply, _deployment_ref)

    def _send(self, call: Call) -> Reply:
        reply = self._http.request(call)
        if reply.status >= 400:
            raise refusal(call, reply)
        return reply

    def _parsed(self, reply: Reply, parse: Callable[[Any], T]) -> T:
        try:
            return parse(reply.body)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise MarathonUnavailableError(
                self.url,
                "its answer is JSON of another shape than Marathon's",
                remedy="check that the address is a Marathon 1.8 or later, not another service",
                sent=True,
            ) from error


def _deployment_ref(body: Any) -> DeploymentRef:
    if body is None:  # 202 without a body (fact 17)
        return DeploymentRef(None, None)
    return DeploymentRef(str(body["deploymentId"]), str(body["version"]))
