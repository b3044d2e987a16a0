"""The daemon seen from outside while it repairs a real cluster."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.browser import browser, needs_chromium
from tests.contract.test_webhook import Listener, listening
from tests.e2e.harness import NODES, PAMESOS, QuickCluster, free_port, running, wait_until
from tests.e2e.test_watch_leader import Crew
from tests.zookeeper import zookeeper_server

pytestmark = pytest.mark.timeout(180)


@dataclass
class Seen:
    """A watcher with a status page and a webhook."""

    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body; status 0 while nothing listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def metric(self, start: str) -> float | None:
        lines = self.get("/metrics")[1].splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(start)), None)


@contextlib.contextmanager
def seen(cluster: QuickCluster, hook: Listener, memory: str = "seen") -> Iterator[Seen]:
    log, secret = cluster.work / f"{memory}.log", cluster.work / "webhook"
    secret.write_text(hook.url + "\n")
    port = free_port()
    state = ["--state-dir", str(cluster.work / memory), "--marathon", cluster.url]
    outside = ["--listen", str(port), "--webhook-file", str(secret)]
    with running([PAMESOS, "watch", "quickstart", *state, *outside], log) as process:
        watcher = Seen(port, process.pid, log)
        wait_until(lambda: watcher.get("/readyz")[0] == 200, "the watcher is ready")
        yield watcher


def test_a_repair_is_seen_on_page_metrics_and_webhook(cluster, tmp_path):
    with listening() as hook, seen(cluster, hook, "repair") as watcher:
        assert watcher.get("/healthz")[0] == 200
        wait_until(lambda: ">up</span>" in watcher.get("/")[1], "the page says that all is up")

        victim = cluster.tasks(NODES)[0]
        cluster.signal_task(victim, signal.SIGSTOP)
        wait_until(lambda: ">suspicious</span>" in watcher.get("/")[1], "the page suspects it")
        replaced = (
            'pamesos_actions_total{action="task.replaced",cluster="/quickstart",outcome="done"}'
        )
        wait_until(lambda: watcher.metric(replaced) == 1, "the repair is counted")

        _, page = watcher.get("/clusters/quickstart")
        timeline = page.partition('class="timeline"')[2]
        assert "Replace a task" in timeline
        assert victim in timeline
        assert "the RM says DOWN" in timeline
        wait_until(lambda: hook.heard, "the webhook heard of it")
        news = next(body for _, body in hook.heard if body["action"] == "task.replaced")
        assert (news["kind"], news["subject"], news["outcome"]) == ("repair", victim, "done")

        wait_until(cluster.is_up, "the cluster is up again")
        free = 'pamesos_rm_nodes{cluster="/quickstart",state="free"}'
        wait_until(lambda: watcher.metric(free) == 6, "all nodes are free again")
        wait_until(lambda: ">up</span>" in watcher.get("/")[1], "the page says so")
        megabytes = psutil.Process(watcher.pid).memory_info().rss / 2**20
        assert megabytes <= 60
    assert hook.url not in watcher.log.read_text()

    with listening() as hook, seen(cluster, hook, "repair") as successor:
        wait_until(lambda: victim in successor.get("/")[1], "the journal fills the timeline")
        assert "Replace a task" in successor.get("/")[1]
        assert hook.heard == []  # what is old is not told again


def test_a_lost_marathon_is_not_ready_and_yet_alive(cluster):
    with listening() as hook, seen(cluster, hook) as watcher:
        marathon = marathon_of(cluster)
        marathon.suspend()  # a machine that hangs: no connection is closed
        try:
            wait_until(lambda: watcher.get("/readyz")[0] == 503, "it says that it sees nothing")
            reasons = json.loads(watcher.get("/readyz")[1])["reasons"]
            assert any("event stream" in reason for reason in reasons)
            assert watcher.get("/healthz")[0] == 200
            assert watcher.get("/")[0] == 200
        finally:
            marathon.resume()
        wait_until(lambda: watcher.get("/readyz")[0] == 200, "it sees everything again")


def marathon_of(cluster: QuickCluster) -> psutil.Process:
    here = str(cluster.work / "marathon")
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "local" in words and here in words:
                return process
    raise AssertionError("no embedded Marathon runs")


@needs_chromium
@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_of_a_living_cluster_is_whole_in_a_browser(cluster, tmp_path, width):
    with listening() as hook, seen(cluster, hook) as watcher, browser(tmp_path / "b") as tab:
        for path in ("/", "/clusters/quickstart"):
            tab.open(watcher.url + path, width=width)
            tab.screenshot(tmp_path / f"{path.strip('/').replace('/', '-') or 'all'}-{width}.png")
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.complaints == []
            text = tab.evaluate("document.body.innerText")
            order = [text.index(word) for word in ("Database", "Scheduler", "Node sources")]
            assert order == sorted(order)
            assert "3/3 running" in text
            assert "6/6 free" in text


def test_a_standby_says_so_and_the_next_leader_tells_what_was_done(cluster, tmp_path):
    with zookeeper_server(tmp_path, free_port()) as server, contextlib.ExitStack() as stack:
        wait_until(server.answers, "ZooKeeper answers")
        crew = Crew(cluster, server, tmp_path, stack)
        leader, port = crew.leader(), free_port()
        other = crew.join(PAMESOS_LISTEN=str(port))
        standby = Seen(port, other.process.pid, other.log)
        wait_until(lambda: ">standby</span>" in standby.get("/")[1], "the page says who acts")
        assert standby.get("/readyz")[0] == 200

        victim = crew.hang_a_node()
        crew.wait_for_successor_of(victim)
        leader.process.kill()
        wait_until(lambda: victim in standby.get("/")[1], "the new leader has the journal")
        wait_until(lambda: ">standby</span>" not in standby.get("/")[1], "and is no standby")
