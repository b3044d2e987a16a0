"""What the routes need from the runtime, and the small things they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse

from pamesos.local.definitions.refusal import message
from pamesos.local.definitions.settings import Settings
from pamesos.local.deployments.plan import DeploymentPlan
from pamesos.local.store.root import Root

Json = dict[str, Any]


class Engine(Protocol):
    """The runtime behind the API; ``request.app.state.engine`` is one.

    ``root`` may be read and a target deployed without a lock as long as nothing is awaited in
    between: ``deploy`` takes the root it starts from before its first await.
    """

    settings: Settings

    @property
    def root(self) -> Root: ...

    def root_at(self, version: str) -> Root | None: ...

    def next_version(self) -> str: ...

    async def deploy(
        self,
        target: Root,
        *,
        force: bool = False,
        restart: frozenset[str] = frozenset(),
        plan_id: str | None = None,
    ) -> DeploymentPlan: ...

    def app_view(self, app_id: str, embed: frozenset[str]) -> Json: ...

    def versions(self, id: str) -> list[str]: ...  # noqa: A002 - the contract's name

    def api_posted(self, client: str, uri: str, app: Json) -> None: ...

    def version_of(self, id: str, version: str) -> Json | None: ...  # noqa: A002


def engine_of(request: Request) -> Engine:
    """Return the runtime that answers this request."""
    engine: Engine = request.app.state.engine
    return engine


def flag(request: Request, name: str, *, default: bool = False) -> bool:
    """Return a query flag; anything but ``true`` means no (recordings 01, ``force=maybe``)."""
    value = request.query_params.get(name)
    return default if value is None else value.lower() == "true"


def deployed(plan: DeploymentPlan, status: int = 200, location: str | None = None) -> JSONResponse:
    """Return the answer to a change: the deployment that carries it out."""
    headers = {"Marathon-Deployment-Id": plan.id}
    if location is not None:
        headers["Location"] = location
    body = {"deploymentId": plan.id, "version": plan.version}
    return JSONResponse(body, status, headers)


def location(request: Request, path: str) -> str:
    """Return the address that ``Location`` names: the id right below the root (facts 10)."""
    return f"{request.url.scheme}://{request.url.netloc}{path}"


def insist_on_json(request: Request) -> None:
    """Raise Refusal 415 unless the body says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise message(415, "Unsupported Media Type")


def insist_on_accept(request: Request) -> None:
    """Raise Refusal 406 if the client takes no JSON."""
    wanted = request.headers.get("accept")
    if not wanted:
        return
    kinds = [each.partition(";")[0].strip().lower() for each in wanted.split(",")]
    if not {"application/json", "application/*", "*/*"} & set(kinds):
        raise message(406, "Not Acceptable")


_APP_EMBEDS = {
    "tasks": ("tasks",),
    "failures": ("tasks", "lastTaskFailure"),
    "lastTaskFailure": ("lastTaskFailure",),
    "deployments": ("deployments",),
    "counts": ("counts",),
    "readiness": ("readiness",),
    "taskStats": ("taskStats",),
}


def app_embeds(asked: Iterable[str], prefixes: tuple[str, ...] = ("apps.", "app.")) -> set[str]:
    """Return what ``embed`` parameters ask to be shown of an app; unknown ones mean nothing."""
    embeds: set[str] = set()
    for name in asked:
        for prefix in prefixes:
            if name.startswith(prefix):
                embeds.update(_APP_EMBEDS.get(name[len(prefix) :], ()))
    return embeds
