"""What the operator of a Marathon decides about definitions: its command-line flags."""

from __future__ import annotations

import dataclasses

SECRETS = "secrets"
GPU_RESOURCES = "gpu_resources"
EXTERNAL_VOLUMES = "external_volumes"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Flags of the real Marathon that change what a definition may say or becomes.

    ``features`` as in ``--enable_features``; service ports come from ``local_port_min`` up to, but
    not including, ``local_port_max``.
    """

    features: frozenset[str] = frozenset()
    default_network_name: str | None = None
    mesos_bridge_name: str = "mesos-bridge"
    role: str = "*"
    local_port_min: int = 10000
    local_port_max: int = 20000
