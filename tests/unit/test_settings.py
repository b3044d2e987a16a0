"""Where each setting comes from, what wins, and that no secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pamesos.config.settings import load_settings
from pamesos.core.connection import DEFAULT_URL, Connection
from pamesos.errors import ExitStatus, SettingsError


def connection(
    flags: dict[str, object] | None = None, environ: dict[str, str] | None = None
) -> Connection:
    return load_settings(flags, environ=environ or {}).marathon


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The default settings file is looked for in a home that has none."""
    monkeypatch.setenv("HOME", str(tmp_path))


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_without_any_setting_it_is_the_local_marathon() -> None:
    assert connection().urls == (DEFAULT_URL,)


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path / "s.yaml",
        "marathon:\n  url: http://file:1\n  readTimeout: 7\n  connectTimeout: 3\n",
    )
    environ = {
        "PAMESOS_SETTINGS": file,
        "PAMESOS_MARATHON_URL": "http://env:1",
        "PAMESOS_MARATHON_READ_TIMEOUT": "8",
    }

    from_all = connection({"url": ("http://flag:1",)}, environ)
    from_two = connection({"url": ()}, environ)

    assert from_all.urls == ("http://flag:1",)
    assert from_two.urls == ("http://env:1",)
    assert (from_two.read_timeout_s, from_two.connect_timeout_s) == (8.0, 3.0)


def test_the_settings_flag_wins_over_its_variable(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", "marathon: {url: 'http://one:1'}")
    two = write(tmp_path / "two.yaml", "marathon: {url: 'http://two:1'}")

    settings = load_settings(settings_file=two, environ={"PAMESOS_SETTINGS": one})

    assert settings.marathon.urls == ("http://two:1",)


def test_the_default_file_is_read_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / ".config/pamesos").mkdir(parents=True)
    write(
        tmp_path / ".config/pamesos/settings.yaml", "marathon: {url: ['http://a:1', 'http://b:1']}"
    )

    assert connection().urls == ("http://a:1", "http://b:1")


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        pytest.param(("http://a:1,http://b:2",), ("http://a:1", "http://b:2"), id="commas"),
        pytest.param(("http://a:1", "http://b:2"), ("http://a:1", "http://b:2"), id="repeated"),
        pytest.param((" http://a:1 , ",), ("http://a:1",), id="spaces and an empty one"),
        pytest.param(("http://a:1/", "http://a:1"), ("http://a:1",), id="the same twice"),
        pytest.param(("https://gw/marathon/",), ("https://gw/marathon",), id="below a path"),
        pytest.param(("http://a:8080/v2",), ("http://a:8080",), id="the API's own path"),
        pytest.param(("http://[::1]:8080",), ("http://[::1]:8080",), id="IPv6"),
    ],
)
def test_urls_are_read_in_all_their_forms(given: tuple[str, ...], urls: tuple[str, ...]) -> None:
    assert connection({"url": given}).urls == urls


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param("localhost:8080", "must begin with http", id="no scheme"),
        pytest.param("ftp://host", "must begin with http", id="another scheme"),
        pytest.param("http://", "names no host", id="no host"),
        pytest.param("http://host:port", "malformed", id="no port number"),
        pytest.param("http://u:s3cret@host/?q=s3cret", "end after the path", id="a query"),
        pytest.param(",", "is empty", id="only a comma"),
    ],
)
def test_a_bad_url_is_bad_input_and_says_where_it_came_from(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        connection(environ={"PAMESOS_MARATHON_URL": url})

    assert "the environment" in caught.value.problem
    assert "s3cret" not in str(caught.value)
    assert caught.value.exit_status is ExitStatus.BAD_INPUT


def test_credentials_in_a_url_are_used_and_never_shown() -> None:
    found = connection({"url": ("http://ops:p%40ss-word@host:1",)})

    assert found.urls == ("http://host:1",)
    assert (found.user, found.password) == ("ops", "p@ss-word")
    assert "p@ss-word" not in repr(found)


def test_a_password_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    flags = {"user": "ops", "password_file": write(tmp_path / "p", "s3cret\n")}

    assert connection(flags).password == "s3cret"


def test_who_says_how_to_log_in_hides_other_ways_below(tmp_path: Path) -> None:
    token = write(tmp_path / "token", "t")
    password = write(tmp_path / "p", "s3cret")
    environ = {"PAMESOS_MARATHON_USER": "ops", "PAMESOS_MARATHON_PASSWORD_FILE": password}

    found = connection({"token_file": token}, environ)

    assert (found.token_file, found.user, found.password) == (token, None, None)


def test_paths_in_the_file_are_meant_from_its_directory(tmp_path: Path) -> None:
    token = write(tmp_path / "token", "t")
    file = write(tmp_path / "s.yaml", "marathon: {tokenFile: token}")

    assert load_settings(settings_file=file, environ={}).marathon.token_file == token


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        pytest.param({"token_file": "/nonexistent"}, "does not exist", id="no token file"),
        pytest.param({"ca_bundle": "/nonexistent"}, "does not exist", id="no CA bundle"),
        pytest.param({"user": "ops"}, "no password file", id="user without password"),
        pytest.param({"password_file": "/dev/null"}, "no user", id="password without user"),
        pytest.param({"client_key": "/dev/null"}, "no client certificate", id="key alone"),
        pytest.param(
            {"user": "ops", "token_file": "/dev/null"}, "both a token and a user", id="both"
        ),
        pytest.param(
            {"user": "ops", "password_file": "/dev/null"}, "only line", id="empty password"
        ),
        pytest.param({"read_timeout": "soon"}, "no read timeout", id="timeout is a word"),
        pytest.param({"read_timeout": "-1"}, "no read timeout", id="timeout is negative"),
    ],
)
def test_an_unusable_setting_is_bad_input_with_a_remedy(
    flags: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        connection(flags)

    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("marathon: {urll: 'http://a'}", "marathon.urll: Unknown field", id="a typo"),
        pytest.param("marathon: {url: 5}", "a URL or a list", id="a number"),
        pytest.param("marathon: {readTimeout: long}", "readTimeout", id="a word for a number"),
        pytest.param("marathon: [", "not YAML in line 1", id="not YAML"),
        pytest.param("- a", "Invalid input type", id="a list"),
    ],
)
def test_a_faulty_settings_file_names_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(settings_file=write(tmp_path / "s.yaml", text), environ={})


def test_an_empty_settings_file_says_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "s.yaml", "")

    assert load_settings(settings_file=file, environ={}).marathon == Connection()


def test_a_named_settings_file_must_be_there() -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(environ={"PAMESOS_SETTINGS": "/nonexistent.yaml"})
