"""The status server on a real socket, and its pages in a real Chromium."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pamesos.clients.events import Disconnected
from pamesos.engine.watching.publish import Board
from pamesos.errors import SettingsError
from pamesos.web.serve import serve
from pamesos.web.server import MAX_AT_ONCE, StatusServer, parse_address
from tests.boards import SECRET, full_board
from tests.browser import browser, needs_chromium

MARATHON = "http://127.0.0.1:8080"
STATES = {
    "up": "up",
    "not-whole": "not whole",
    "deploying": "deploying",
    "held": "held",
    "given-up": "given up",
    "suspicious": "suspicious",
    "bad-agent": "bad agent",
    "unreadable": "cannot be read",
    "empty": "no apps",
    "unread": "not read yet",
}


@contextmanager
def served(board: Board, listen: str = "127.0.0.1:0") -> Iterator[StatusServer]:
    server = serve(listen, board, MARATHON, full_read_s=300)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def site() -> Iterator[StatusServer]:
    with served(full_board()) as server:
        yield server


def ask(server: StatusServer, path: str, method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=10)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply, body.decode()


def test_the_overview_shows_each_cluster_with_its_state_in_words(site):
    reply, body = ask(site, "/")

    assert reply.status == 200
    for name, word in STATES.items():
        card = body.partition(f'id="cluster-{name}"')[2].partition("</article>")[0]
        assert f">{word}</span>" in card, name


def test_what_a_task_says_is_shown_as_text_and_never_as_markup(site):
    for path in ("/", "/clusters/given-up", "/clusters/up"):
        _, body = ask(site, path)
        assert "<script" not in body
        assert "<img" not in body
        assert "&lt;script&gt;" in body, path


def test_no_environment_of_an_app_is_ever_shown(site):
    for path in ("/", "/clusters/up", "/metrics", "/readyz"):
        assert SECRET not in ask(site, path)[1]


def test_pages_allow_nothing_but_their_own_style(site):
    reply, body = ask(site, "/")

    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "http-equiv" in body
    assert 'style="' not in body


def test_renewal_can_be_paused_and_goes_on(site):
    _, body = ask(site, "/clusters/up?refresh=off")

    assert "http-equiv" not in body
    assert '<a href="/clusters/up">Go on</a>' in body


def test_a_cluster_links_to_marathon_and_to_the_proactive_portal(site):
    _, body = ask(site, "/clusters/up")

    assert f'href="{MARATHON}/ui/#/group/%2Fup"' in body
    assert f'href="{MARATHON}/ui/#/apps/%2Fup%2Fdatabase"' in body
    assert 'href="http://10.0.0.7:8080/"' in body


def test_the_timeline_tells_how_each_action_ended(site):
    _, body = ask(site, "/clusters/up")

    timeline = body.partition('class="timeline"')[2]
    for words in ("done", "failed", "not needed", "under way", "cut off by a crash"):
        assert f">{words}</span>" in timeline
    assert "Outcome: Marathon gave no answer." in timeline
    assert "Replace a task" in timeline
    assert "node.drained" in timeline  # an action that this page has no words for


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nothing", 404, id="no such page"),
        pytest.param("GET", "/clusters/nobody", 404, id="no such cluster"),
        pytest.param("GET", "/clusters/%3Cscript%3E", 404, id="markup for a name"),
        pytest.param("HEAD", "/", 200, id="head"),
        pytest.param("POST", "/", 405, id="post"),
        pytest.param("DELETE", "/clusters/up", 405, id="delete"),
    ],
)
def test_only_reads_of_what_is_there_are_answered(site, method, path, status):
    reply, body = ask(site, path, method)

    assert reply.status == status
    assert "<script" not in body
    assert method != "HEAD" or body == ""


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param(b"GET http://[x/ HTTP/1.0", b"404", id="no address at all"),
        pytest.param(b"GET /%ff%fe HTTP/1.0", b"404", id="no text"),
        pytest.param(b"GET / HTTP/9.9", b"505", id="another protocol"),
        pytest.param(b"nonsense", b"400", id="no request"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.0", b"414", id="without end"),
    ],
)
def test_what_is_no_sound_request_is_refused_in_one_line(site, request_line, status):
    with socket.create_connection(("127.0.0.1", site.address.port), timeout=10) as client:
        client.sendall(request_line + b"\r\n\r\n")
        reply = client.recv(65_536)

    assert status in reply.partition(b"\r\n")[0]


def test_a_foreign_name_that_points_at_loopback_is_refused(site):
    assert ask(site, "/", Host="evil.example")[0].status == 421
    assert ask(site, "/", Host="localhost:9190")[0].status == 200


def test_health_is_well_while_the_loops_turn_and_readiness_says_what_is_not_seen(site):
    assert ask(site, "/healthz")[0].status == 200

    reply, body = ask(site, "/readyz")
    reasons = json.loads(body)["reasons"]
    assert reply.status == 503
    assert "/unreadable: Marathon gave no answer" in reasons
    assert "/unread: it was not read yet" in reasons


def test_readiness_names_a_lost_event_stream():
    board = Board()
    board.hear(Disconnected("connection refused, nothing listens there"))
    with served(board) as server:
        reply, body = ask(server, "/readyz")

    assert reply.status == 503
    assert json.loads(body)["reasons"] == [
        "the event stream: connection refused, nothing listens there"
    ]


def test_silent_clients_cannot_take_all_there_is(site):
    """More connections than it serves at once: it goes on once they are gone."""
    silent = [
        socket.create_connection(("127.0.0.1", site.address.port)) for _ in range(MAX_AT_ONCE + 4)
    ]
    silent[-1].settimeout(10)
    assert silent[-1].recv(1) == b""  # one too many: closed at once, unanswered
    for one in silent:
        one.close()

    assert answers_soon(site)


def answers_soon(site: StatusServer) -> bool:
    for _ in range(200):
        try:
            return ask(site, "/healthz")[0].status == 200
        except (OSError, http.client.HTTPException):
            continue
    return False


def test_an_address_that_is_taken_is_a_settings_error(site):
    with pytest.raises(SettingsError, match="cannot listen on"):
        serve(f"127.0.0.1:{site.address.port}", Board(), MARATHON, full_read_s=300)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        pytest.param("9190", "127.0.0.1", 9190, id="a port alone is loopback"),
        pytest.param(":9190", "127.0.0.1", 9190, id="so is an empty host"),
        pytest.param("0.0.0.0:80", "0.0.0.0", 80, id="everywhere, when said"),
        pytest.param("[::1]:9190", "::1", 9190, id="IPv6"),
    ],
)
def test_addresses_are_read(text, host, port):
    address = parse_address(text)

    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize("text", ["", "host", "127.0.0.1:", "1:99999", "127.0.0.1:x"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(SettingsError, match="no address"):
        parse_address(text)


@needs_chromium
def test_pages_fit_phones_and_desks_in_both_colour_schemes(site, tmp_path):
    with browser(tmp_path / "profile") as tab:
        for path in ("/", "/clusters/given-up", "/clusters/suspicious", "/clusters/nobody"):
            for width in (360, 1440):
                for dark in (False, True):
                    tab.open(site.address.url + path, width=width, dark=dark)
                    where = (path, width, dark)
                    assert tab.evaluate("document.documentElement.scrollWidth") <= width, where
                    assert tab.evaluate(LOW_CONTRAST) == [], where
                    expected = ["404"] if path.endswith("nobody") else []
                    assert [c for c in tab.complaints if not any(e in c for e in expected)] == []
                    shot = f"{path.strip('/').replace('/', '-')}-{width}-{dark}.png"
                    tab.screenshot(tmp_path / shot)


@needs_chromium
def test_the_page_can_be_walked_with_the_keyboard_alone(site, tmp_path):
    with browser(tmp_path / "profile") as tab:
        tab.open(site.address.url + "/?refresh=off", width=1440)
        tab.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert tab.evaluate("document.activeElement.getBoundingClientRect().left >= 0")
        tab.press("Tab")
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

        assert tab.evaluate("document.title").startswith("(")  # bad news is in the title
        assert tab.evaluate("document.querySelectorAll('h1').length") == 1
        levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h=>+h.tagName[1])")
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


#: Elements whose own text has a contrast below 4.5 : 1 against what is behind it (WCAG 1.4.3).
LOW_CONTRAST = """
(() => {
  const lum = c => { const f = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
  const rgb = s => s.match(/[0-9.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
  } return [255, 255, 255]; };
  return [...document.querySelectorAll('body *')].filter(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).filter(e => {
    const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(behind(e));
    return (Math.max(a, b) + .05) / (Math.min(a, b) + .05) < 4.5;
  }).map(e => e.outerHTML.slice(0, 120));
})()
"""  # noqa: E501 - a script
