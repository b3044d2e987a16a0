"""The part of the description's schema that says how `pamesos watch` treats the cluster."""

from __future__ import annotations

from typing import Any

from marshmallow import post_load

from pamesos.config.fields import Number, StrictSchema
from pamesos.config.schema_common import about
from pamesos.core import names

_DAY_S = 86_400


def _number(name: str, words: str, *, least: float = 1, most: float = _DAY_S) -> Number:
    return Number(least=least, most=most, whole=True, data_key=name, **about(words))


class WatchSchema(StrictSchema):
    """Loads to labels: ``{"org.pamesos.watch.grace": "30"}``."""

    grace = _number("grace", "seconds after which a node that the RM calls Down is replaced; 30")
    register_grace = _number(
        "registerGrace", "seconds a node has to register with the RM; four times grace, or 120"
    )
    budget = _number(
        "budget", "so many failures of an app in a window are helped; 5", least=0, most=1000
    )
    window = _number("window", "seconds for which failures count; 600", least=10)
    mass_share = Number(
        least=0.05,
        most=1,
        data_key="massShare",
        **about("with more than this share of nodes broken at once none is touched; 0.5"),
    )
    kills_per_minute = _number("killsPerMinute", "most replacements in a minute; 10", most=1000)
    agent_failures = _number(
        "agentFailures",
        "so many failures on one agent, while others are fine, are the agent's; 3",
        least=2,
        most=1000,
    )
    drain_deadline = _number(
        "drainDeadline", "seconds a drain waits for workflow tasks; 300", least=0
    )

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> dict[str, str]:
        return {
            names.LABEL_WATCH + field.replace("_", "-"): f"{number:.10g}"
            for field, number in data.items()
        }
