"""The parts of a page: each takes values and returns markup in which they are escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from pamesos.engine.watching.timeline import Deed
from pamesos.web.marks import BAD, BUSY, OK, UNKNOWN, WARN, Mark
from pamesos.web.tasks import TaskTable
from pamesos.web.view import AppCard, TierCard

#: What an operator calls an action; the journal's own word is shown for any other.
_WORDS = {
    "task.replaced": "Replace a task",
    "launch_delay.reset": "Reset a launch delay",
    "rm_node.removed": "Remove a dead node from the RM",
    "workflow_task.preempted": "Preempt a workflow task of a lost server",
    "hold": "Hold",
    "hold.over": "Hold is over",
    "give_up": "Give up on an app",
    "give_up.over": "Help an app again",
    "bad_agent": "Warn of an agent",
    "bad_agent.over": "Agent is no longer bad",
}

_APP = Markup("""<div class="app">
<div class="top"><h4>{name}</h4> {mark}</div>
<dl><dt>Marathon</dt><dd>{marathon}</dd>{rm}{at}</dl>
{remarks}
</div>
""")

_DEED = Markup("""<li>
<p class="soft">{at}</p>
<div>
<div class="top"><span class="what">{what}</span> {mark}</div>
<p>{about}</p>
<p class="soft">{reason}</p>
</div>
</li>
""")

_ROW = Markup("""<tr role="row">
<td role="cell" data-is="Task" class="id"><code>{task}</code></td>
<td role="cell" data-is="Marathon">{marathon}</td>
<td role="cell" data-is="RM">{rm}</td>
<td role="cell" data-is="Host">{host}</td>
<td role="cell" data-is="Since">{since}</td>
</tr>
""")

_TABLE = Markup("""<table role="table">
<caption>{caption}</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Task</th>
<th role="columnheader" scope="col">Marathon</th><th role="columnheader" scope="col">RM</th>
<th role="columnheader" scope="col">Host</th><th role="columnheader" scope="col">Since</th></tr>
</thead>
<tbody role="rowgroup">
{rows}</tbody>
</table>
""")


def link(url: str, text: str) -> Markup:
    """Return a link; only the text if the address (it may come from a label) is none of the web."""
    if not url.startswith(("/", "?")) and urlsplit(url).scheme not in {"http", "https"}:
        return escape(text)
    return Markup('<a href="{}">{}</a>').format(url, text)


def mark(state: Mark) -> Markup:
    return Markup('<span class="mark {}">{}</span>').format(state.level, state.word)


def moment(at: datetime, *, with_date: bool = False) -> Markup:
    """Return a time in UTC, as people and as machines read it."""
    utc = at.astimezone(UTC)
    shown = f"{utc:%Y-%m-%d %H:%M:%S} UTC" if with_date else f"{utc:%H:%M:%S} UTC"
    iso = utc.isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}</time>').format(iso, shown)


def chain(tiers: tuple[TierCard, ...]) -> Markup:
    """Return the tiers in the order of dependency."""
    if not tiers:
        return Markup("")
    items = Markup("").join(
        Markup("<li><h3>{}</h3>{}</li>\n").format(tier.title, Markup("").join(map(_app, tier.apps)))
        for tier in tiers
    )
    return Markup('<ol class="chain n{}">\n{}</ol>').format(len(tiers), items)


def _app(card: AppCard) -> Markup:
    remarks = (Markup('<p class="remark">{}</p>').format(text) for text in card.remarks)
    return _APP.format(
        name=link(card.link, card.name),
        mark=mark(card.mark),
        marathon=card.marathon,
        rm=_pair("RM", card.rm),
        at=_pair("At", ", ".join(card.addresses)),
        remarks=Markup("").join(remarks),
    )


def _pair(term: str, text: str) -> Markup:
    return Markup("<dt>{}</dt><dd>{}</dd>").format(term, text) if text else Markup("")


def attention(items: tuple[tuple[Mark, str, str], ...]) -> Markup:
    """Return what does not go by itself; nothing if all does."""
    if not items:
        return Markup("")
    rows = (
        Markup("<li>{} <code>{}</code><br>{}</li>\n").format(mark(state), subject, reason)
        for state, subject, reason in items
    )
    return Markup('<ul class="attention" aria-label="Needs attention">\n{}</ul>').format(
        Markup("").join(rows)
    )


def timeline(deeds: Iterable[Deed], *, with_cluster: bool) -> Markup:
    items = Markup("").join(_deed(deed, with_cluster=with_cluster) for deed in deeds)
    return Markup('<ol class="timeline">\n{}</ol>').format(items)


def _deed(deed: Deed, *, with_cluster: bool) -> Markup:
    cluster = deed.group_id.strip("/")
    where = Markup("{} ").format(cluster) if with_cluster else Markup("")
    return _DEED.format(
        at=moment(deed.at, with_date=True),
        what=_WORDS.get(deed.action, deed.action),
        mark=mark(_outcome(deed)),
        about=where + Markup("<code>{}</code>").format(deed.subject or deed.group_id),
        reason=_reason(deed),
    )


def _outcome(deed: Deed) -> Mark:
    if deed.kind == "notice":
        needs_you = Mark("needs you", BAD)
        levels = {"give_up": needs_you, "bad_agent": needs_you, "hold": Mark("waits", WARN)}
        return levels.get(deed.action, Mark("over", OK))
    if deed.outcome is None:
        return Mark("under way", BUSY)
    if deed.outcome == "done":
        return Mark("done", OK)
    word = deed.outcome.partition(":")[0]
    return Mark(word, UNKNOWN if word in _HARMLESS else BAD)


_HARMLESS = frozenset({"not needed", "not sent", "lost", "cut off by a crash"})


def _reason(deed: Deed) -> str:
    detail = (deed.outcome or "").partition(": ")[2]
    return f"{deed.reason}. Outcome: {detail}." if detail else deed.reason


def tasks(table: TaskTable) -> Markup:
    """Return the table of a cluster's tasks."""
    if not table.rows:
        return Markup("<p>It has no task.</p>")
    rows = Markup("").join(
        _ROW.format(
            task=row.task_id,
            marathon=row.marathon,
            rm=row.rm,
            host=row.host,
            since=moment(row.since, with_date=True) if row.since else "",
        )
        for row in table.rows
    )
    left = f" {table.left_out} more, all well, are not listed." if table.left_out else ""
    caption = f"{len(table.rows)} tasks, those in trouble first.{left}"
    return _TABLE.format(caption=caption, rows=rows)
