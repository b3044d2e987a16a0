"""What Marathon says of itself: /ping, /v2/info, /v2/leader, /v2/plugins, /metrics, redirects."""

from __future__ import annotations

import getpass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pamesos.local.api.contract import insist_on_accept
from pamesos.local.engine import Engine

#: The release whose behaviour is kept to.
VERSION = "1.11.26"


async def ping(request: Request) -> Response:
    """Answer /ping: a JSON text to those who want JSON, else plain (recordings 01)."""
    if request.headers.get("accept", "").startswith("application/json"):
        return JSONResponse("pong")
    return Response("pong", headers={"Content-Type": "text/plain", "Vary": _VARY})


_VARY = "Accept-Encoding, User-Agent"


async def info(request: Request) -> Response:
    """Answer /v2/info: the flags of the recordings, with what is different here."""
    insist_on_accept(request)
    engine: Engine = request.app.state.engine
    setup = engine.setup
    config = {
        **_CONFIG,
        "hostname": setup.host,
        "master": setup.address,
        "mesos_leader_ui_url": f"{setup.url}/",
        "mesos_user": _user(),
    }
    shown = {
        "name": "marathon",
        "version": VERSION,
        "buildref": "pamesos-local",
        "elected": True,
        "leader": setup.address,
        "frameworkId": engine.layout.framework,
        "marathon_config": dict(sorted(config.items())),
        "zookeeper_config": _ZOOKEEPER,
        "http_config": {"http_port": setup.port, "https_port": 8443},
    }
    return JSONResponse(shown)


async def leader(request: Request) -> Response:
    """Answer /v2/leader; there is no other engine that could take over, so nothing changes."""
    insist_on_accept(request)
    if request.method == "DELETE":
        return JSONResponse({"message": "Leadership abdicated", "details": []})
    engine: Engine = request.app.state.engine
    return JSONResponse({"leader": engine.setup.address})


async def plugins(request: Request) -> Response:
    """Answer /v2/plugins: there are none."""
    insist_on_accept(request)
    return JSONResponse({"plugins": []})


async def metrics(request: Request) -> Response:
    """Answer /metrics in Marathon's shape, with the gauges that are known here."""
    engine: Engine = request.app.state.engine
    instances = list(engine.tracker.all())
    gauges = {
        "marathon.apps.active.gauge": len(engine.root.apps),
        "marathon.deployments.active.gauge": len(engine.deployments.all()),
        "marathon.groups.active.gauge": len(engine.root.groups),
        "marathon.instances.running.gauge": sum(i.is_running for i in instances),
        "marathon.instances.staged.gauge": sum(i.is_active and not i.is_running for i in instances),
    }
    shown: dict[str, Any] = {
        "version": "4.0.0",
        "gauges": {name: {"value": value} for name, value in gauges.items()},
    }
    return JSONResponse(shown | {key: {} for key in ("counters", "histograms", "meters", "timers")})


async def home(request: Request) -> Response:
    """Answer / as Marathon does: its UI is elsewhere."""
    engine: Engine = request.app.state.engine
    return Response(status_code=302, headers={"Location": f"{engine.setup.url}/ui/"})


async def to_ui(_request: Request) -> Response:
    """Answer /ui."""
    return Response(status_code=302, headers={"Location": "/ui/"})


async def to_help(_request: Request) -> Response:
    """Answer /help."""
    return Response(status_code=302, headers={"Location": "api-console/index.html"})


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "root"  # a container's user may have no name


_CONFIG: dict[str, Any] = {
    "access_control_allow_origin": None,
    "checkpoint": True,
    "decline_offer_duration": 120000,
    "default_network_name": None,
    "env_vars_prefix": None,
    "executor": "//cmd",
    "failover_timeout": 604800,
    "features": [],
    "framework_name": "marathon",
    "ha": True,
    "launch_token": 100,
    "launch_token_refresh_interval": 30000,
    "leader_proxy_connection_timeout_ms": 5000,
    "leader_proxy_read_timeout_ms": 10000,
    "local_port_max": 20000,
    "local_port_min": 10000,
    "maintenance_mode": True,
    "max_instances_per_offer": 5,
    "mesos_bridge_name": "mesos-bridge",
    "mesos_heartbeat_failure_threshold": 5,
    "mesos_heartbeat_interval": 15000,
    "mesos_role": "*",
    "min_revive_offers_interval": 5000,
    "new_group_enforce_role": "Off",
    "offer_matching_timeout": 3000,
    "on_elected_prepare_timeout": 180000,
    "reconciliation_initial_delay": 15000,
    "reconciliation_interval": 600000,
    "scale_apps_initial_delay": 15000,
    "scale_apps_interval": 300000,
    "store_cache": True,
    "task_launch_confirm_timeout": 300000,
    "task_launch_timeout": 300000,
    "task_lost_expunge_initial_delay": 300000,
    "task_lost_expunge_interval": 30000,
    "task_reservation_timeout": 20000,
    "webui_url": None,
}

_ZOOKEEPER = {
    "zk": None,
    "zk_compression": True,
    "zk_compression_threshold": 65536,
    "zk_connection_timeout": 10000,
    "zk_max_node_size": 1024000,
    "zk_max_versions": 50,
    "zk_session_timeout": 10000,
    "zk_timeout": 10000,
}

routes = [
    Route("/ping", ping, methods=["GET"]),
    Route("/v2/info", info, methods=["GET"]),
    Route("/v2/leader", leader, methods=["GET", "DELETE"]),
    Route("/v2/plugins", plugins, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
    Route("/", home, methods=["GET"]),
    Route("/ui", to_ui, methods=["GET"]),
    Route("/help", to_help, methods=["GET"]),
]
