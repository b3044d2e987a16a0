"""How one embedded Marathon is set up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pamesos.local.definitions.settings import Settings
from pamesos.local.launcher.agents import Agent

PROCESS, SIMULATED = "process", "simulated"


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """``host`` and ``port`` are where it answers; ``mem`` and ``disk`` of its agent in MiB.

    The agent offers more than a small machine has: any description should start on a laptop, and
    nothing is enforced by the process executor anyway.
    """

    state_dir: Path
    host: str = "127.0.0.1"
    port: int = 8080
    cpus: float = 32.0
    mem: float = 65536.0
    disk: float = 262144.0
    #: How often apps with too few or too many instances are put right.
    scale_apps_interval_s: float = 300.0
    #: How often instances that are out of reach are looked at again.
    reconciliation_interval_s: float = 600.0
    executor: str = PROCESS
    #: Without any, one that is this machine.
    agents: tuple[Agent, ...] = ()
    #: Whether /control is served, where faults are made.
    control: bool = False
    #: The folder of a built user interface, served at /ui/.
    ui: Path | None = None
    #: What definitions may say here.
    settings: Settings = dataclasses.field(default_factory=Settings)

    @property
    def agent_host(self) -> str:
        """Return the name and address of the only agent; that of "everywhere" is the loopback."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104

    @property
    def address(self) -> str:
        """Return ``host:port``."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://{self.address}"

    @property
    def work_dir(self) -> Path:
        """Return the agent's work directory: the sandboxes are below it."""
        return self.state_dir / "agent"
