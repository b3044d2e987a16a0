"""``/rest/rm``: the recorded calls of the Resource Manager."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.standin import VERSION
from pamesos.local.standin.server import rm_shapes
from pamesos.local.standin.server.http import Backend, Call, as_json, as_text, guarded
from pamesos.local.standin.server.scheduler import now_ms


def routes(backend: Backend) -> Iterator[Route]:
    """Yield all routes below /rest/rm but login and disconnect."""

    async def version(_: Request) -> Response:
        text = f'{{ "rm" : "{VERSION}", "rest" : "{VERSION}"}}'
        return as_text(text)

    yield Route("/rest/rm/version", version, methods=["GET"])
    for method, path, handler in (
        ("GET", "/rm/isactive", _is_active),
        ("GET", "/rm/state", _state),
        ("GET", "/rm/monitoring", _monitoring),
        ("GET", "/rm/monitoring/full", _monitoring_full),
        ("GET", "/rm/url", _url),
        ("POST", "/rm/node/remove", _remove_node),
        ("POST", "/rm/node/release", _release_node),
        ("POST", "/rm/node/lock", _lock),
        ("POST", "/rm/node/unlock", _unlock),
        ("GET", "/rm/nodesource", _sources),
        ("POST", "/rm/nodesource", _define_source),
        ("POST", "/rm/nodesource/create", _create_source),
        ("PUT", "/rm/nodesource/deploy", _deploy_source),
        ("POST", "/rm/nodesource/remove", _remove_source),
    ):
        yield guarded(path, handler, method, backend)


async def _is_active(_: Call) -> Response:
    return as_json(True)


async def _state(call: Call) -> Response:
    return as_json(rm_shapes.state(call.backend.core.rm))


async def _monitoring(call: Call) -> Response:
    text = call.request.query_params.get("clientCounter", "-1")
    counter = int(text) if text.lstrip("-").isdigit() else -1
    return as_json(rm_shapes.monitoring_since(call.backend.core.rm, counter))


async def _monitoring_full(call: Call) -> Response:
    return as_json(rm_shapes.monitoring(call.backend.core.rm))


async def _url(call: Call) -> Response:
    return as_text(call.backend.pnp_url)


async def _remove_node(call: Call) -> Response:
    form = await call.form()
    preempt = form.get("preempt", ["false"])[0] == "true"
    return as_json(call.backend.core.remove_node(form.get("url", [""])[0], preempt=preempt))


async def _release_node(call: Call) -> Response:
    form = await call.form()
    return as_json(form.get("url", [""])[0] in call.backend.core.rm.nodes)


async def _lock(call: Call) -> Response:
    form = await call.form()
    return as_json(call.backend.core.lock_nodes(form.get("nodeurls", []), call.user))


async def _unlock(call: Call) -> Response:
    form = await call.form()
    return as_json(call.backend.core.lock_nodes(form.get("nodeurls", []), None))


async def _sources(call: Call) -> Response:
    sources = call.backend.core.rm.sources.values()
    return as_json([rm_shapes.source_event(source) for source in sources])


async def _define_source(call: Call) -> Response:
    return await _new_source(call, deployed=False)


async def _create_source(call: Call) -> Response:
    return await _new_source(call, deployed=True)


async def _new_source(call: Call, *, deployed: bool) -> Response:
    name = (await call.form()).get("nodeSourceName", [""])[0]
    rm = call.backend.core.rm
    if name in rm.sources:
        return as_json(rm_shapes.outcome(f"Node Source name {name} already exist"))
    if not name:
        return as_json(rm_shapes.outcome("Node Source Name cannot be empty"))
    source = rm.ensure_source(name, now_ms(), call.user)
    source.deployed = deployed
    call.backend.core.save_source(source)
    return as_json(rm_shapes.outcome(None))


async def _deploy_source(call: Call) -> Response:
    name = (await call.form()).get("nodeSourceName", [""])[0]
    source = call.backend.core.rm.sources.get(name)
    if source is None:
        return as_json(rm_shapes.outcome(f"Node source {name} is not defined"))
    source.deployed = True
    call.backend.core.save_source(source)
    return as_json(rm_shapes.outcome(None))


async def _remove_source(call: Call) -> Response:
    form = await call.form()
    preempt = form.get("preempt", ["false"])[0] == "true"
    return as_json(call.backend.core.remove_source(form.get("name", [""])[0], preempt=preempt))
