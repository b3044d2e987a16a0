"""The groups that descriptions become: golden files, and what Marathon's gates must mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from pamesos.cli.app import app
from pamesos.config.description import load
from pamesos.config.json_schema import description_schema
from pamesos.core import names
from pamesos.core.group import body_hash
from pamesos.core.show import all_apps
from pamesos.local.definitions import updates
from pamesos.local.definitions.settings import Settings
from pamesos.local.store.root import Root
from tests.unit.description.files import APPS, GOOD, changed, load_data

DESCRIPTIONS = sorted(
    path
    for path in APPS.iterdir()
    if path.suffix in (".json", ".yaml") and not path.name.endswith(".group.json")
)


def apps_of(tmp_path: Path, data: Any, **options: Any) -> dict[str, dict[str, Any]]:
    group = load_data(tmp_path, data, **options).group
    return {found["id"]: found for found in all_apps(group)}


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_render_prints_the_bytes_of_the_golden_file(path: Path) -> None:
    result = CliRunner(env={"DB_PASSWORD": None, "PROACTIVE_HOME": None}).invoke(
        app, ["render", str(path)]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == (APPS / f"{path.stem}.group.json").read_text()


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_a_rendered_group_passes_the_checks_for_groups(path: Path) -> None:
    golden = APPS / f"{path.stem}.group.json"
    group = load(path, environ={}).group
    assert load(golden, environ={}).group_id == group["id"]


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_descriptions_fit_the_json_schema(path: Path) -> None:
    import yaml

    schema = description_schema()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert list(validator.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("nam", "x", id="unknown field"),
        pytest.param("scheduler.resources.mem", "4GB", id="wrong unit"),
        pytest.param("name", "Big", id="bad name"),
        pytest.param("nodeSources.0.nodes", 1.5, id="fraction"),
        pytest.param("database.kind", "postgres", id="bad choice"),
    ],
)
def test_the_json_schema_refuses_what_validate_refuses(path: str, value: Any) -> None:
    validator = jsonschema.Draft202012Validator(description_schema())
    assert list(validator.iter_errors(changed(path, value)))


def test_every_field_of_the_json_schema_is_described() -> None:
    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        missing = []
        for name, member in schema.get("properties", {}).items():
            if "description" not in member:
                missing.append(f"{path}.{name}")
            missing += undescribed(member, f"{path}.{name}")
            missing += undescribed(member.get("items", {}), f"{path}.{name}[]")
        return missing

    assert undescribed(description_schema(), "") == []


def test_dependencies_are_absolute_and_in_the_order_of_the_tiers(tmp_path: Path) -> None:
    apps = apps_of(tmp_path, GOOD)
    assert [(app_id, app.get("dependencies")) for app_id, app in apps.items()] == [
        ("/small/database", None),
        ("/small/scheduler", ["/small/database"]),
        ("/small/default", ["/small/scheduler"]),
    ]


def test_tiers_with_data_are_never_run_twice(tmp_path: Path) -> None:
    apps = apps_of(tmp_path, GOOD)
    for app_id in ("/small/database", "/small/scheduler"):
        assert apps[app_id]["unreachableStrategy"] == "disabled"
        assert apps[app_id]["requirePorts"] is True
        assert apps[app_id]["upgradeStrategy"] == {
            "minimumHealthCapacity": 0,
            "maximumOverCapacity": 0,
        }


def test_a_host_pins_and_loopback_does_not(tmp_path: Path) -> None:
    pinned = apps_of(tmp_path, GOOD)["/small/scheduler"]
    assert pinned["constraints"] == [["hostname", "CLUSTER", "agent-1"]]
    local = changed("scheduler.host", "localhost", changed("database.host", "127.0.0.1"))
    assert "constraints" not in apps_of(tmp_path, local)["/small/scheduler"]


def test_scaling_changes_no_label(tmp_path: Path) -> None:
    two = apps_of(tmp_path, GOOD)["/small/default"]
    five = apps_of(tmp_path, changed("nodeSources.0.nodes", 5))["/small/default"]
    assert five["instances"] == 5
    assert five["labels"] == two["labels"]


def test_the_hash_is_that_of_the_body_without_it(tmp_path: Path) -> None:
    for app_body in apps_of(tmp_path, GOOD).values():
        stated = app_body["labels"].pop(names.LABEL_HASH)
        assert body_hash(app_body) == stated


def test_a_change_changes_the_hash(tmp_path: Path) -> None:
    before = apps_of(tmp_path, GOOD)["/small/default"]["labels"][names.LABEL_HASH]
    changed_app = apps_of(tmp_path, changed("nodeSources.0.env", {"A": "1"}))
    assert changed_app["/small/default"]["labels"][names.LABEL_HASH] != before


def test_defaults_give_way_to_what_an_app_says(tmp_path: Path) -> None:
    data = changed("defaults", {"resources": {"cpus": 2, "mem": 999}, "env": {"A": "1", "B": "1"}})
    data = changed("nodeSources.0.resources", {"mem": "1GiB"}, data)
    data = changed("nodeSources.0.env", {"B": "2"}, data)
    node = apps_of(tmp_path, data)["/small/default"]
    assert (node["cpus"], node["mem"]) == (2, 1024)
    assert (node["env"]["A"], node["env"]["B"]) == ("1", "2")


def test_an_external_database_has_no_app_and_the_server_gets_its_address(tmp_path: Path) -> None:
    database = {
        "kind": "external",
        "engine": "mariadb",
        "host": "db.example.com",
        "credentials": {"password": "x"},
    }
    apps = apps_of(tmp_path, changed("database", database))
    assert list(apps) == ["/small/scheduler", "/small/default"]
    assert "jdbc:mariadb://db.example.com:3306/$2" in apps["/small/scheduler"]["cmd"]


def test_no_command_holds_the_password(tmp_path: Path) -> None:
    for app_body in apps_of(tmp_path, GOOD).values():
        assert "hunter2" not in app_body["cmd"]
        assert "hunter2" not in json.dumps(app_body["labels"])


def test_a_group_is_the_same_however_often_it_is_rendered(tmp_path: Path) -> None:
    first = json.dumps(load_data(tmp_path, GOOD).group)
    assert json.dumps(load_data(tmp_path, GOOD).group) == first


def test_render_shows_secrets_only_when_asked() -> None:
    path = str(APPS / "quickstart.json")
    runner = CliRunner(env={"DB_PASSWORD": "hunter2"})
    assert "hunter2" not in runner.invoke(app, ["render", path]).output
    assert "hunter2" in runner.invoke(app, ["render", path, "--show-secrets"]).output


def test_a_user_called_as_the_password_is_still_shown() -> None:
    rendered = CliRunner(env={"DB_PASSWORD": None}).invoke(
        app, ["render", str(APPS / "quickstart.json")]
    )
    env = json.loads(rendered.stdout)["apps"][0]["env"]
    assert env == {
        "PAMESOS_DATABASE_PASSWORD": "******",
        "PAMESOS_DATABASE_USER": "proactive",
    }


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param(
            "quickstart.json",
            "quickstart: database postgresql, scheduler, 1 node source, 3 nodes x 2 workers; "
            "group /quickstart, 3 apps\n",
            id="description",
        ),
        pytest.param(
            "two-agents.yaml",
            "two-agents: database postgresql, scheduler, 2 node sources, 3 nodes, 12 workers; "
            "group /teams/blue/two-agents, 4 apps\n",
            id="different sources",
        ),
        pytest.param(
            "quickstart.group.json",
            "quickstart: 1 node source, 3 nodes x 2 workers; group /quickstart, 3 apps\n",
            id="Marathon group",
        ),
    ],
)
def test_validate_says_in_one_line_what_it_is(name: str, line: str) -> None:
    result = CliRunner(env={"DB_PASSWORD": None}).invoke(app, ["validate", str(APPS / name)])
    assert (result.exit_code, result.stdout) == (0, line)


def test_validate_reads_standard_input() -> None:
    result = CliRunner().invoke(app, ["validate", "-"], input=json.dumps(GOOD))
    assert result.exit_code == 0, result.output


def test_validate_ends_with_2_and_prints_no_result_for_a_bad_file() -> None:
    result = CliRunner().invoke(app, ["validate", "-"], input="{}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "<stdin>:1: name: is missing: the name of the cluster" in result.stderr


def test_schema_prints_only_json() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert json.loads(result.stdout) == description_schema()


@pytest.mark.parametrize(
    ("home", "host", "users", "warned"),
    [
        pytest.param("/opt/proactive", "127.0.0.1", [], "password admin", id="default admin"),
        pytest.param("stand-in", "agent-1", [], "password admin", id="stand-in for others"),
        pytest.param("stand-in", "127.0.0.1", [], None, id="stand-in on loopback"),
        pytest.param(
            "/opt/proactive", "agent-1", [("ada", "x")], "password admin", id="another user"
        ),
        pytest.param(
            "/opt/proactive", "agent-1", [("admin", "admin")], "public default", id="admin again"
        ),
        pytest.param("/opt/proactive", "agent-1", [("admin", "x")], None, id="own admin"),
    ],
)
def test_the_public_password_is_warned_about(
    tmp_path: Path, home: str, host: str, users: list[tuple[str, str]], warned: str | None
) -> None:
    data = changed("proactive.home", home)
    data["database"]["host"] = data["scheduler"]["host"] = host
    data["scheduler"]["users"] = [
        {"login": login, "password": password, "groups": ["user"]} for login, password in users
    ]
    path = tmp_path / "small.json"
    path.write_text(json.dumps(data))
    result = CliRunner().invoke(app, ["validate", str(path)])
    assert result.exit_code == 0
    assert ("warning: " in result.stderr) == (warned is not None)
    assert (warned or "") in result.stderr


def test_passwords_of_users_are_masked_and_in_no_label(tmp_path: Path) -> None:
    user = {"login": "ada", "password": "lovelace1", "groups": ["user"]}
    path = tmp_path / "small.json"
    path.write_text(json.dumps(changed("scheduler.users", [user])))
    shown = CliRunner().invoke(app, ["render", str(path)]).stdout
    assert "lovelace1" not in shown
    secret = CliRunner().invoke(app, ["render", str(path), "--show-secrets"]).stdout
    assert secret.count("lovelace1") == 1


def test_how_a_cluster_is_watched_is_in_the_labels_of_its_node_sources(tmp_path: Path) -> None:
    watch = {"grace": 20, "massShare": 0.25, "budget": 0, "drainDeadline": 60}
    apps = apps_of(tmp_path, changed("watch", watch))

    asked = {
        app_id: {k: v for k, v in app["labels"].items() if k.startswith(names.LABEL_WATCH)}
        for app_id, app in apps.items()
    }

    labels = {
        names.LABEL_WATCH_GRACE: "20",
        names.LABEL_WATCH_MASS_SHARE: "0.25",
        names.LABEL_WATCH_BUDGET: "0",
        names.LABEL_WATCH_DRAIN_DEADLINE: "60",
    }
    sources = {a for a, app in apps.items() if app["labels"][names.LABEL_TIER] == "nodes"}
    assert asked == {app_id: labels if app_id in sources else {} for app_id in apps}


def kept(sent: Any, shown: Any) -> bool:
    """Tell whether Marathon shows all that was sent; it may show defaults beside it."""
    if isinstance(sent, dict):
        return all(key in shown and kept(value, shown[key]) for key, value in sent.items())
    if isinstance(sent, list):
        return len(sent) == len(shown) and all(map(kept, sent, shown))
    return bool(sent == shown)


@pytest.mark.parametrize("protocol", ["pnp", "pamr"])
@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_marathon_shows_what_was_sent_and_keeps_it(path: Path, protocol: str) -> None:
    """The normal form is the one that replays the recordings (tests/local/conformance)."""
    root, settings = Root.empty("2026-01-01T00:00:00.000Z"), Settings()
    group = load(path, environ={}, sets=[f"protocol={protocol}"]).group
    for app_body in all_apps(group):
        shown = updates.create(app_body, root, settings)
        assert kept(app_body, shown)
        assert updates.create(shown, root, settings) == shown


def on_network(**parts: Any) -> dict[str, Any]:
    """Return a description for a container network."""
    data = changed("network", {"container": "blue"})
    data["database"] |= {"image": "postgres:15", "agent": "agent-1"}
    del data["database"]["host"], data["scheduler"]["host"]
    data["scheduler"] |= {"image": "server:1"} | parts
    data["nodeSources"][0]["image"] = "node:1"
    return data


def test_tiers_find_one_another_by_aliases_that_are_their_clusters_own(tmp_path: Path) -> None:
    apps = apps_of(tmp_path, on_network() | {"group": "/teams"})
    docker = apps["/teams/small/scheduler"]["container"]["docker"]
    assert docker["parameters"] == [{"key": "network-alias", "value": "teams-small-scheduler"}]
    assert "//teams-small-database:5432/" in apps["/teams/small/scheduler"]["cmd"]
    assert "-r pnp://teams-small-scheduler:64738" in apps["/teams/small/default"]["cmd"]
    assert "parameters" not in apps["/teams/small/default"]["container"]["docker"]


def test_a_dns_name_is_taken_as_it_is(tmp_path: Path) -> None:
    apps = apps_of(tmp_path, on_network(host="scheduler.small.marathon.mesos"))
    scheduler = apps["/small/scheduler"]
    assert "parameters" not in scheduler["container"]["docker"]
    assert "constraints" not in scheduler
    assert (
        scheduler["labels"][names.LABEL_REST] == "http://scheduler.small.marathon.mesos:8080/rest"
    )


def test_only_the_web_port_is_published_and_its_url_is_the_agents(tmp_path: Path) -> None:
    apps = apps_of(tmp_path, on_network(agent="agent-1"))
    mappings = {
        id_: [(port["name"], port["containerPort"], port.get("hostPort")) for port in ports]
        for id_, ports in ((key, found["container"]["portMappings"]) for key, found in apps.items())
    }
    assert mappings == {
        "/small/database": [("sql", 5432, None)],
        "/small/scheduler": [("web", 8080, 8080), ("pnp", 64738, None)],
        "/small/default": [("pnp", 64738, None)],
    }
    assert apps["/small/scheduler"]["constraints"] == [["hostname", "CLUSTER", "agent-1"]]
    assert apps["/small/scheduler"]["labels"][names.LABEL_REST] == "http://agent-1:8080/rest"


def test_on_a_container_network_mesos_makes_the_checks(tmp_path: Path) -> None:
    apps = apps_of(tmp_path, on_network())
    protocols = {key: found["healthChecks"][0]["protocol"] for key, found in apps.items()}
    assert protocols == {
        "/small/database": "COMMAND",
        "/small/scheduler": "MESOS_HTTP",
        "/small/default": "MESOS_TCP",
    }
