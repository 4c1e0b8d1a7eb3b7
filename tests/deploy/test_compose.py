"""compose.yaml: valid by the Compose Specification, and of one mind with the program."""

import subprocess
import sys
from pathlib import Path

from engine.server.interfaces import SERVICE
from tests.deploy.given import DEPLOY, check_command, check_environment, documents

(COMPOSE,) = documents("compose.yaml")
OURS = ("migration", "server")


def check(path: Path) -> "subprocess.CompletedProcess[str]":
    """Holds a file against the Compose Specification's own schema."""
    words = ["--builtin-schema", "vendor.compose-spec", str(path)]
    command = [sys.executable, "-m", "check_jsonschema", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_it_is_valid(tmp_path: Path) -> None:
    """It is what the specification calls a Compose file; with a misspelled key it would not be."""
    path = DEPLOY / "compose.yaml"
    done = check(path)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(
        path.read_text(encoding="utf-8").replace("healthcheck:", "healthchecks:"), encoding="utf-8"
    )
    assert check(wrong).returncode == 1


def test_commands_and_settings_exist() -> None:
    """What our containers are told are commands, options and settings of tact."""
    for name in OURS:
        service = COMPOSE["services"][name]
        check_command(service["command"])
        check_environment({key: value for key, value in service["environment"].items() if key != "TACT_LOG"})


def test_two_servers_share_one_database() -> None:
    """There are two replicas with as many published ports, which begin when the tables are there."""
    server = COMPOSE["services"]["server"]
    assert server["deploy"]["replicas"] == 2
    assert server["ports"] == ["127.0.0.1:50051-50052:50051", "127.0.0.1:8080-8081:8080"]
    assert "--http=0.0.0.0:8080" in server["command"]
    assert server["depends_on"] == {"migration": {"condition": "service_completed_successfully"}}
    assert server["environment"]["TACT_LOG"].startswith("postgresql://tact@database:")


def test_containers_may_do_little() -> None:
    """Read-only, without capabilities; nothing is published beyond this machine."""
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_there_is_time_to_drain() -> None:
    """The grace ends before the container is killed."""
    server = COMPOSE["services"]["server"]
    assert float(server["environment"]["TACT_GRACE"]) < float(server["stop_grace_period"].removesuffix("s"))


def test_what_is_mounted_exists() -> None:
    """Every file and folder beside compose.yaml that it mounts is there."""
    mounts = [mount for service in COMPOSE["services"].values() for mount in service.get("volumes", [])]
    sources = [mount.split(":-")[-1].split("}")[0].split(":")[0] for mount in mounts]
    assert [source for source in sources if source.startswith(".") and not (DEPLOY / source).exists()] == []


def test_envoy_leads_to_the_servers() -> None:
    """Envoy's cluster is the servers of compose.yaml at their port; it asks for the health of a service that there is."""
    (envoy,) = documents("envoy.yaml")
    ((cluster,), (listener,)) = (envoy["static_resources"][name] for name in ("clusters", "listeners"))
    ((endpoint,),) = (
        [endpoint["endpoint"] for endpoint in locality["lb_endpoints"]]
        for locality in cluster["load_assignment"]["endpoints"]
    )
    address = endpoint["address"]["socket_address"]
    assert address["address"] in COMPOSE["services"]
    assert f"--port={address['port_value']}" in COMPOSE["services"]["server"]["command"]
    (check_,) = cluster["health_checks"]
    assert check_["grpc_health_check"] == {"service_name": SERVICE}
    (published,) = COMPOSE["services"]["envoy"]["ports"]
    assert published.endswith(f":{listener['address']['socket_address']['port_value']}")
