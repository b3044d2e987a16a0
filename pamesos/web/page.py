"""The status page as HTML: whole without a script, and every value in it escaped.

Texts come from tasks and users; :class:`markupsafe.Markup` escapes whatever is formatted into it.
"""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from pamesos.engine.watching.timeline import Deed
from pamesos.web.marks import BUSY, OK, UNKNOWN, WARN, Mark
from pamesos.web.parts import attention, chain, link, mark, moment, tasks, timeline
from pamesos.web.style import STYLE, STYLE_HASH
from pamesos.web.view import ClusterCard, PageView

__all__ = ["STYLE_HASH", "cluster", "nothing_here", "overview"]

#: Seconds between two looks of a browser.
REFRESH_S = 10

_PAGE = Markup("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<p class="brand">{home}</p>
<p>Marathon {marathon} {stream}</p>
<p>As of {at}. {pause}</p>
</header>
<main id="main">
<h1>{heading}</h1>
{content}
</main>
<footer><p>pamesos {version}, watching since {since}. This page only shows.</p></footer>
</body>
</html>
""")

_CLUSTER = Markup("""<article class="card" aria-labelledby="{anchor}">
<div class="top"><h2 id="{anchor}">{title}</h2> {mark}{stand_in}</div>
<p>{summary}</p>
{attention}
{chain}
<ul class="links">{links}</ul>
</article>
""")

_SECTION = Markup("""<section class="card" aria-labelledby="{anchor}">
<h2 id="{anchor}">{title}</h2>
<p class="soft">{text}</p>
{content}
</section>
""")


def overview(view: PageView, *, refreshes: bool) -> str:
    """Return the page of all clusters."""
    cards = Markup("").join(_card(card, linked=True) for card in view.clusters)
    wrong = len(_wrong(view))
    state = f"{wrong} of {len(view.clusters)} need a look." if wrong else "None needs a look."
    cards = Markup("<p>{}</p>\n").format(state) + cards
    if not view.clusters:
        cards = Markup('<p class="card">No cluster is watched yet.</p>')
    latest = _timeline("Latest actions", view.latest, with_cluster=True)
    return _page(view, "Clusters", _title(view), cards + latest, refresh_of="/", on=refreshes)


def cluster(view: PageView, card: ClusterCard, *, refreshes: bool) -> str:
    """Return the page of one cluster."""
    rows = Markup("")
    if card.tasks is not None:
        text = "What Marathon says of each task, and what the RM says of its nodes."
        rows = _section("Tasks", text, tasks(card.tasks))
    content = _card(card, linked=False) + rows + _timeline("Actions", card.deeds)
    title = f"{card.name}: {card.mark.word}"
    path = cluster_path(card.name)
    return _page(view, card.name, title, content, refresh_of=path, on=refreshes)


def nothing_here(view: PageView) -> str:
    """Return the page for an address that is none."""
    content = Markup("<p>There is no such page, or no such cluster is watched. {}</p>").format(
        link("/", "All clusters")
    )
    return _page(view, "Nothing here", "Nothing here", content, refresh_of="", on=False)


def cluster_path(name: str) -> str:
    return f"/clusters/{quote(name)}"


def _title(view: PageView) -> str:
    """Put the bad news into the tab: a page in the background must still tell."""
    wrong = _wrong(view)
    return f"({len(wrong)}) pamesos: {', '.join(wrong)}" if wrong else "pamesos: all well"


def _wrong(view: PageView) -> list[str]:
    """Return the clusters that need a look; one in a deployment does not."""
    return [card.name for card in view.clusters if card.mark.level not in {OK, BUSY}]


def _page(
    view: PageView, heading: str, title: str, content: Markup, *, refresh_of: str, on: bool
) -> str:
    refresh = Markup('<meta http-equiv="refresh" content="{}">\n').format(REFRESH_S)
    pause = link(f"{refresh_of}?refresh=off", "Pause") if on else link(refresh_of, "Go on")
    said = f"Renewed every {REFRESH_S} s." if on else "Not renewed."
    known = view.stream.connected or view.stream.since is not None
    lost = Mark("no events", WARN if known else UNKNOWN)
    stream = mark(Mark("events connected", OK) if view.stream.connected else lost)
    if view.stream.problem:
        stream += Markup(" {}").format(view.stream.problem)
    return _PAGE.format(
        refresh=refresh if on else "",
        title=title,
        style=STYLE,
        home=link("/", "pamesos watch"),
        marathon=link(view.links.marathon, view.links.marathon),
        stream=stream,
        at=moment(view.at),
        pause=Markup('<span class="pause">{} {}</span>').format(said, pause if refresh_of else ""),
        heading=heading,
        content=content,
        version=view.links.version,
        since=moment(view.started_at, with_date=True),
    )


def _card(card: ClusterCard, *, linked: bool) -> Markup:
    links = [link(card.marathon, "Group in the Marathon UI")]
    if card.portal and not card.stand_in:
        links.append(link(card.portal, "ProActive portal"))
    if linked:
        links.insert(0, link(cluster_path(card.name), f"Tasks and actions of {card.name}"))
    return _CLUSTER.format(
        anchor=f"cluster-{card.name}",
        title=link(cluster_path(card.name), card.name) if linked else "State",
        mark=mark(card.mark),
        stand_in=Markup(' <span class="soft">stand-in, no real ProActive</span>')
        if card.stand_in
        else "",
        summary=card.summary,
        chain=chain(card.tiers),
        attention=attention(card.attention),
        links=Markup("").join(Markup("<li>{}</li>").format(one) for one in links),
    )


def _timeline(title: str, deeds: tuple[Deed, ...], *, with_cluster: bool = False) -> Markup:
    if not deeds:
        return _section(title, "Nothing had to be done.", Markup(""))
    text = "Newest first. The command pamesos history shows all of them."
    return _section(title, text, timeline(deeds, with_cluster=with_cluster))


def _section(title: str, text: str, content: Markup) -> Markup:
    anchor = title.lower().replace(" ", "-")
    return _SECTION.format(anchor=anchor, title=title, text=text, content=content)
