"""What both JVMs of ProActive need: their executable, memory and log files."""

from __future__ import annotations

from pamesos.core.launch.shell import quote
from pamesos.core.model import ProActive, Resources


def executable(proactive: ProActive, part: str) -> str:
    """Return how ``server`` or ``node`` is started; the arguments that follow are the same."""
    if proactive.is_stand_in:
        return f"exec pamesos-stand-in {part}"
    return f'exec "$PROACTIVE_HOME/bin/proactive-{part}"'


def heap_mib(resources: Resources, share: float, *, least: int) -> int:
    """Return the heap for this share of the app's memory, which also holds what is no heap."""
    return max(least, int(resources.mem_mib * share))


def options(proactive: ProActive, heap: int, extra: str) -> str:
    """Return lines that export JAVA_OPTS.

    It comes after the distribution's own ``-Xms4g``, and the last one wins (facts/proactive.md 2).
    """
    java_options = f"-Xms{min(heap, 64)}m -Xmx{heap}m {extra}".strip()
    if proactive.is_stand_in:
        return f"export JAVA_OPTS={quote(java_options)}"
    return (
        f"JAVA_OPTS={quote(java_options)}\n"
        'if [ -f "$PWD/log4j.properties" ]; then\n'
        '  JAVA_OPTS="$JAVA_OPTS -Dlog4j.configuration=file:$PWD/log4j.properties"\n'
        "fi\n"
        "export JAVA_OPTS"
    )


def log_files(proactive: ProActive, part: str) -> str:
    """Return lines that move the log files of the distribution's log4j file to ``$logs``.

    Its file names them below ${proactive.home} or ${pa.scheduler.home} (config/log/*.properties),
    which is the installation. The rest of the file stays as the distribution has it.
    """
    if proactive.is_stand_in:
        return ""
    return (
        f'if [ -f "$PROACTIVE_HOME/config/log/{part}.properties" ]; then\n'
        '  sed -e "s#\\${proactive.home}/logs#$logs#g" \\\n'
        '    -e "s#\\${pa.scheduler.home}/logs#$logs#g" \\\n'
        f'    "$PROACTIVE_HOME/config/log/{part}.properties" >"$PWD/log4j.properties"\n'
        "fi"
    )
