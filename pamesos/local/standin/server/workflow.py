"""Reads workflow XML (namespace urn:proactive:jobdescriptor) as far as the stand-in runs it.

What it cannot run is refused, not ignored: a workflow that passes here means the same there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

_NAMESPACE = re.compile(r"^\{urn:proactive:jobdescriptor:(?:3\.\d+|dev)\}")
#: As the real server lists them (recordings/proactive/12-misc.jsonl, submit-invalid).
_TASK_TAGS = (
    "depends",
    "description",
    "forkEnvironment",
    "genericInformation",
    "inputFiles",
    "javaExecutable",
    "nativeExecutable",
    "parallel",
    "pre",
    "scriptExecutable",
    "selection",
    "variables",
)
#: Allowed there, without meaning for the result of a workflow here.
_IGNORED = frozenset({"description", "forkEnvironment", "genericInformation", "metadata"})
_ON_ERROR = frozenset({"continueJobExecution", "cancelJob", "suspendTask", "pauseJob", "none"})


class JobValidationError(Exception):
    """The server's JobValidationException; the text is what follows its class name."""


@dataclass(frozen=True)
class TaskTemplate:
    name: str
    language: str = ""
    script: str = ""
    arguments: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    description: str | None = None
    on_error: str = "continueJobExecution"
    max_executions: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    #: Why the stand-in cannot run it; it becomes FAULTY with this text.
    problem: str | None = None


@dataclass(frozen=True)
class Workflow:
    name: str
    priority: str
    variables: Mapping[str, str]
    tasks: tuple[TaskTemplate, ...]
    description: str = ""
    project: str = ""


def parse_workflow(data: bytes, overrides: Mapping[str, str]) -> Workflow:
    """Parse a descriptor; ``overrides`` are matrix parameters. Raises JobValidationError."""
    try:
        root = Xml.fromstring(data)  # noqa: S314 - expat bounds entity expansion
    except Xml.ParseError as error:
        row, column = error.position
        message = str(error).partition(":")[0]
        raise JobValidationError(
            f"At [tag:job] : {message}\n at [row,col {{unknown-source}}]: [{row},{column + 1}]"
        ) from None
    if _NAMESPACE.match(root.tag) is None or _tag(root) != "job":
        raise JobValidationError("At [tag:job] : the root must be <job> of the jobdescriptor")
    flow = _child(root, "taskFlow")
    if flow is None:
        raise JobValidationError("At [tag:job] : the job has no <taskFlow>")
    variables = {**_variables(root), **overrides}
    tasks = tuple(_parse_task(root, element) for element in flow)
    _check_dependencies(tasks)
    return Workflow(
        name=_resolve(root.get("name", "NOT SET"), variables),
        priority=root.get("priority", "normal"),
        variables=variables,
        tasks=tasks,
        description=_text(_child(root, "description")),
        project=root.get("projectName", ""),
    )


def _parse_task(job: Xml.Element, element: Xml.Element) -> TaskTemplate:
    name = element.get("name", "")
    where = f"At [tag:job] : At [task={name}] : "
    if _tag(element) != "task" or not name:
        raise JobValidationError(f"{where}Error: only named tasks are allowed in <taskFlow>.")
    language, script, problem = "", "", None
    arguments: tuple[str, ...] = ()
    for child in element:
        tag = _tag(child)
        if tag == "scriptExecutable":
            language, script, arguments = _parse_script(child, where)
        elif tag in {"javaExecutable", "nativeExecutable"}:
            problem = f"the stand-in runs script tasks only, no <{tag}>"
        elif tag not in _TASK_TAGS and tag not in _IGNORED:
            allowed = ",".join(f"<{known}>" for known in _TASK_TAGS)
            raise JobValidationError(
                f'{where}Error: tag name "{tag}" is not allowed. Possible tag names are: {allowed}'
            )
        elif tag not in _IGNORED and tag not in {"depends", "variables"}:
            raise JobValidationError(f"{where}the stand-in does not support <{tag}>")
    if not script and problem is None:
        raise JobValidationError(f"{where}Error: the task has nothing to execute.")
    depends = _child(element, "depends")
    return TaskTemplate(
        name=name,
        language=language,
        script=script,
        arguments=arguments,
        depends=tuple(ref.get("ref", "") for ref in depends) if depends is not None else (),
        description=_text(_child(element, "description")) or None,
        on_error=_on_error(job, element, where),
        max_executions=_max_executions(job, element, where),
        variables=_variables(element),
        problem=problem,
    )


def _parse_script(executable: Xml.Element, where: str) -> tuple[str, str, tuple[str, ...]]:
    script = _child(executable, "script")
    code = _child(script, "code") if script is not None else None
    if script is None or code is None:
        raise JobValidationError(f"{where}the stand-in runs <script><code> only")
    arguments = _child(script, "arguments")
    values = () if arguments is None else tuple(item.get("value", "") for item in arguments)
    return code.get("language", ""), _text(code, strip=False), values


def _on_error(job: Xml.Element, task: Xml.Element, where: str) -> str:
    policy = task.get("onTaskError") or job.get("onTaskError") or "continueJobExecution"
    if policy not in _ON_ERROR:
        raise JobValidationError(f'{where}onTaskError "{policy}" is not one of {sorted(_ON_ERROR)}')
    return "continueJobExecution" if policy == "none" else policy


def _max_executions(job: Xml.Element, task: Xml.Element, where: str) -> int:
    value = task.get("maxNumberOfExecution") or job.get("maxNumberOfExecution") or "1"
    if not value.isdigit() or int(value) < 1:
        raise JobValidationError(f"{where}maxNumberOfExecution {value!r} is no positive number")
    return int(value)


def _check_dependencies(tasks: tuple[TaskTemplate, ...]) -> None:
    names = [task.name for task in tasks]
    if not names:
        raise JobValidationError("At [tag:job] : the job has no task")
    if len(set(names)) < len(names):
        raise JobValidationError("At [tag:job] : two tasks have the same name")
    waiting = {task.name: set(task.depends) for task in tasks}
    for name, depends in waiting.items():
        if unknown := depends - set(names):
            raise JobValidationError(
                f"At [tag:job] : At [task={name}] : it depends on the unknown {sorted(unknown)}"
            )
    while ready := {name for name, depends in waiting.items() if not depends}:
        waiting = {name: depends - ready for name, depends in waiting.items() if name not in ready}
    if waiting:
        raise JobValidationError(f"At [tag:job] : tasks depend on each other: {sorted(waiting)}")


def _tag(element: Xml.Element) -> str:
    return element.tag.rpartition("}")[2]


def _child(element: Xml.Element, tag: str) -> Xml.Element | None:
    return next((child for child in element if _tag(child) == tag), None)


def _text(element: Xml.Element | None, *, strip: bool = True) -> str:
    text = "" if element is None else "".join(element.itertext())
    return text.strip() if strip else text


def _variables(element: Xml.Element) -> dict[str, str]:
    holder = _child(element, "variables")
    if holder is None:
        return {}
    return {item.get("name", ""): item.get("value", "") for item in holder}


def _resolve(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``${NAME}``; unknown names stay, as in the real server."""
    return re.sub(r"\$\{(\w+)\}", lambda m: variables.get(m[1], m[0]), text)
