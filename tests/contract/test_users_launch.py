"""Users of a description: what the server is told, and that they can log in.

The distribution here only records; the stand-in plays the server for the login.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract.launched import environment, free_port, rendered, running

SHELLS = ["dash", "bash"]
PASSWORD = " p'a\\s$w:`d` "
RECORDER = f"""#!{sys.executable}
import json, os, sys
from pathlib import Path
names = [*Path().glob("*.new"), *Path("authentication").rglob("*")]
files = {{str(path): (path.read_text(), path.stat().st_mode & 0o777)
          for path in names if path.is_file()}}
Path(Path(sys.argv[0]).name + ".json").write_text(json.dumps(
    {{"arguments": sys.argv[1:], "environment": dict(os.environ), "files": files}}))
"""
#: The lines of a version that shares them, of one with a fixed directory, and of the one before.
SHARED = (
    "pa.shared.dir=config/authentication/\n#pa.shared.logins = config/authentication/login.cfg\n"
)
FIXED = "pa.scheduler.create.credentials.when.login=true\n"
OLD = (
    "pa.rm.defaultloginfilename=config/authentication/login.cfg\r\n"
    "pa.scheduler.core.defaultloginfilename=config/authentication/login.cfg\n"
)
GROUPS = "pa.groups=config/authentication/group.cfg\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "proactive"
    for name in ("bin/proactive-server", "bin/proactive-node", "tools/proactive-users"):
        program = home / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(RECORDER)
        program.chmod(0o755)
    delivered = home / "config" / "authentication"
    (delivered / "keys").mkdir(parents=True)
    (delivered / "login.cfg").write_text("admin:hash\n")
    (delivered / "group.cfg").write_text("admin:server-admins\n")
    (delivered / "keys" / "pub.key").write_text("key")
    (delivered / "login.cfg").chmod(0o444)
    return home


def settings(home: Path, part: str, text: str) -> None:
    path = home / "config" / part / "settings.ini"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, newline="")


def scheduler(tmp_path: Path, home: str, users: list[Any] | None) -> dict[str, Any]:
    """Return the scheduler's app; its database is in a directory of the test."""
    users_part = {} if users is None else {"users": users}
    description = {
        "name": "small",
        "proactive": {"home": home},
        "database": {"kind": "embedded"},
        "scheduler": {
            "host": "127.0.0.1",
            "volumes": {"data": str(tmp_path / "data")},
            **users_part,
        },
        "nodeSources": [{"name": "default", "nodes": 1}],
    }
    return rendered(tmp_path, description)["scheduler"]


def run(tmp_path: Path, app: dict[str, Any], shell: str) -> subprocess.CompletedProcess[str]:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir(exist_ok=True)
    return subprocess.run(
        [shell, "-c", app["cmd"]],
        cwd=sandbox,
        env=environment(app, sandbox, {"web": 8080, "pnp": 64738}),
        check=False,
        capture_output=True,
        text=True,
    )


def recorded(tmp_path: Path, program: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "sandbox" / f"{program}.json").read_text())
    return found


def state_of(home: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in home.rglob("*")}


def users(tmp_path: Path) -> list[Any]:
    secret = tmp_path / "ada.password"
    secret.write_text(f"{PASSWORD}\n")
    return [
        {"login": "admin", "password": "another", "groups": ["server-admins"]},
        {"login": "ada", "passwordFile": str(secret), "groups": ["user", "scheduleradmins"]},
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_distributions_own_tool_makes_the_users(tmp_path: Path, home: Path, shell: str) -> None:
    settings(home, "shared", SHARED + GROUPS)
    before = state_of(home)
    result = run(tmp_path, scheduler(tmp_path, str(home), users(tmp_path)), shell)
    assert result.returncode == 0, result.stderr
    own = tmp_path / "sandbox" / "authentication"
    tool = recorded(tmp_path, "proactive-users")
    assert tool["arguments"] == [
        "-C",
        "-slf", f"{tmp_path}/sandbox/users.new",
        "-sgf", f"{tmp_path}/sandbox/groups.new",
        "-lf", f"{own}/login.cfg",
        "-gf", f"{own}/group.cfg",
        "-kf", f"{own}/keys/pub.key",
    ]  # fmt: skip
    escaped = PASSWORD.replace("\\", "\\\\")
    assert tool["files"]["users.new"] == [f"admin:another\nada:\\{escaped}\n", 0o600]
    assert tool["files"]["groups.new"][0] == (
        "admin:server-admins\nada:user\nada:scheduleradmins\n"
    )
    assert state_of(home) == before


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("part", "text", "expected"),
    [
        pytest.param(
            "shared",
            SHARED,
            ["-Dpa.shared.dir={own}", "-Dpa.shared.logins={own}/login.cfg"],
            id="one name for both parts, in a comment",
        ),
        pytest.param(
            "scheduler",
            FIXED + OLD,
            [
                "-Dpa.scheduler.create.credentials.when.login=false",
                "-Dpa.rm.defaultloginfilename={own}/login.cfg",
                "-Dpa.scheduler.core.defaultloginfilename={own}/login.cfg",
            ],
            id="a name for each part and a fixed directory",
        ),
    ],
)
def test_the_server_is_told_in_the_words_of_its_version(
    tmp_path: Path, home: Path, shell: str, part: str, text: str, expected: list[str]
) -> None:
    settings(home, part, text + GROUPS)
    result = run(tmp_path, scheduler(tmp_path, str(home), users(tmp_path)), shell)
    assert result.returncode == 0, result.stderr
    own = tmp_path / "sandbox" / "authentication"
    told = recorded(tmp_path, "proactive-server")["arguments"]
    assert told[-len(expected) - 1 :] == [
        *(line.format(own=own) for line in expected),
        f"-Dpa.groups={own}/group.cfg",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_users_only_the_directory_is_the_servers_own(
    tmp_path: Path, home: Path, shell: str
) -> None:
    settings(home, "shared", SHARED + GROUPS)
    before = state_of(home)
    assert run(tmp_path, scheduler(tmp_path, str(home), None), shell).returncode == 0
    own = tmp_path / "sandbox" / "authentication"
    server = recorded(tmp_path, "proactive-server")
    assert server["arguments"][-1] == f"-Dpa.shared.dir={own}"
    assert server["files"]["authentication/login.cfg"] == ["admin:hash\n", 0o600]
    assert not (tmp_path / "sandbox" / "proactive-users.json").exists()
    assert state_of(home) == before


def test_no_password_is_left_where_others_read(tmp_path: Path, home: Path) -> None:
    settings(home, "shared", SHARED + GROUPS)
    app = scheduler(tmp_path, str(home), users(tmp_path))
    result = run(tmp_path, app, "sh")
    server, tool = recorded(tmp_path, "proactive-server"), recorded(tmp_path, "proactive-users")
    for password in ("another", PASSWORD.strip()):
        assert password not in app["cmd"]
        assert password not in json.dumps(app["labels"])
        assert password not in result.stdout + result.stderr
        for program in (server, tool):
            shown = [*program["arguments"], *program["environment"].values()]
            assert not [text for text in shown if password in text]
    assert not (tmp_path / "sandbox" / "users.new").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(GROUPS, "which property names login.cfg", id="an unknown version"),
        pytest.param(SHARED, "which property names group.cfg", id="half of it"),
    ],
)
def test_a_version_that_does_not_say_its_names_is_refused(
    tmp_path: Path, home: Path, text: str, problem: str
) -> None:
    settings(home, "shared", text)
    result = run(tmp_path, scheduler(tmp_path, str(home), users(tmp_path)), "sh")
    assert result.returncode == 1
    assert problem in result.stderr
    assert not (tmp_path / "sandbox" / "users.new").exists()


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path, home: Path) -> None:
    settings(home, "shared", SHARED + GROUPS)
    user = {"login": "ada", "passwordFile": "/nowhere/ada", "groups": ["user"]}
    result = run(tmp_path, scheduler(tmp_path, str(home), [user]), "sh")
    assert (result.returncode, "cannot read /nowhere/ada" in result.stderr) == (1, True)


# -- with the stand-in -------------------------------------------------------------------------


@contextlib.contextmanager
def serving(tmp_path: Path, app: dict[str, Any]) -> Iterator[str]:
    """Run the app as Mesos does until the end of the block; gives its REST address."""
    ports = {"web": free_port(), "pnp": free_port()}
    with running(tmp_path / "sandbox", app, ports) as task:
        task.wait_for_output("ProActive started in")
        yield f"http://127.0.0.1:{ports['web']}/rest"


def login(url: str, user: str, password: str) -> int:
    form = {"username": user, "password": password}
    return requests.post(f"{url}/scheduler/login", data=form, timeout=10).status_code


def test_described_users_log_in_and_replace_the_default_password(tmp_path: Path) -> None:
    app = scheduler(tmp_path, "stand-in", users(tmp_path))
    with serving(tmp_path, app) as url:
        assert login(url, "ada", PASSWORD) == 200
        assert login(url, "admin", "another") == 200
        assert login(url, "admin", "admin") == 404
        assert login(url, "watcher", "w_pwd") == 200


def test_the_files_hold_no_password(tmp_path: Path) -> None:
    app = scheduler(tmp_path, "stand-in", users(tmp_path))
    with serving(tmp_path, app):
        own = tmp_path / "sandbox" / "authentication"
        text = (own / "login.cfg").read_text()
        assert [line.split(":")[0] for line in text.splitlines()] == [
            "ada", "admin", "rm", "scheduler", "watcher"
        ]  # fmt: skip
        assert "another" not in text
        assert "ada:user" in (own / "group.cfg").read_text()
