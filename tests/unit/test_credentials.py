from __future__ import annotations

from pathlib import Path

import pytest

from pamesos.config.credentials import load_credentials
from pamesos.errors import ExitStatus, SettingsError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, ("admin", "admin"), id="the public default"),
        pytest.param({"PAMESOS_PROACTIVE_USER": "ann"}, ("ann", "admin"), id="user"),
        pytest.param({"PAMESOS_PROACTIVE_PASSWORD": "pw"}, ("admin", "pw"), id="password"),
    ],
)
def test_the_environment_names_the_login(
    environment: dict[str, str], expected: tuple[str, str]
) -> None:
    login = load_credentials(environment)
    assert (login.user, login.password) == expected


def test_a_file_wins_over_the_variable(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\n")
    file.chmod(0o600)
    warnings: list[str] = []
    environment = {
        "PAMESOS_PROACTIVE_PASSWORD": "pw",
        "PAMESOS_PROACTIVE_PASSWORD_FILE": str(file),
    }

    assert load_credentials(environment, warn=warnings.append).password == "from file"
    assert warnings == []


def test_a_file_that_others_can_read_gets_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret")
    file.chmod(0o644)
    warnings: list[str] = []

    login = load_credentials({}, password_file=str(file), warn=warnings.append)

    assert login.password == "s3cret"
    assert len(warnings) == 1
    assert f"chmod 600 {file}" in warnings[0]
    assert "s3cret" not in warnings[0] + repr(login)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"s3cret\xff", "UTF-8", id="binary"),
        pytest.param(b"s3cret\nmore\n", "more than one line", id="two lines"),
        pytest.param(b"s3cret" * 1000, "more than one line", id="too long"),
    ],
)
def test_an_unusable_file_is_bad_input_and_keeps_the_secret(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=says) as caught:
        load_credentials({"PAMESOS_PROACTIVE_PASSWORD_FILE": str(file)})

    assert caught.value.exit_status is ExitStatus.BAD_INPUT
    assert "s3cret" not in str(caught.value)


def test_an_empty_user_is_bad_input() -> None:
    with pytest.raises(SettingsError, match="user is empty"):
        load_credentials({"PAMESOS_PROACTIVE_USER": " "})


def test_the_environment_wins_over_the_settings(tmp_path: Path) -> None:
    environment = {"PAMESOS_PROACTIVE_USER": "ann", "PAMESOS_PROACTIVE_PASSWORD": "pw"}
    settings_file = str(tmp_path / "never read")

    login = load_credentials(environment, user="bob", password_file=settings_file)

    assert (login.user, login.password) == ("ann", "pw")
