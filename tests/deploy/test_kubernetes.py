"""Kubernetes' manifests: valid by its own schemas, and of one mind with the program."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from engine.rulebook.load import load_files
from tests.deploy.given import DEPLOY, check_command, check_environment, documents

FOLDER = DEPLOY / "kubernetes"
MANIFESTS = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def container_of(name: str) -> dict[str, Any]:
    """The only container of a manifest's pods."""
    (document,) = documents(f"kubernetes/{name}")
    (container,) = document["spec"]["template"]["spec"]["containers"]
    typed: dict[str, Any] = container
    return typed


@pytest.mark.parametrize("version", ["1.33", "1.37"])
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_valid(path: Path, version: str) -> None:
    """Each has exactly the fields that Kubernetes' schemas have, none misspelled."""
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        kubernetes_validate.validate(document, version, strict=True)


def test_kustomization_names_them_all() -> None:
    """`kubectl apply --kustomize deploy/kubernetes` brings every manifest."""
    (document,) = documents("kubernetes/kustomization.yaml")
    assert sorted(document["resources"]) == [path.name for path in MANIFESTS]


@pytest.mark.parametrize("name", ["deployment.yaml", "migration.yaml"])
def test_commands_and_settings_exist(name: str) -> None:
    """What the containers are told are commands, options and settings of tact."""
    container = container_of(name)
    check_command(container["args"])
    check_environment(
        {
            variable["name"]: variable.get("value", "sqlite:///from-a-secret.db")
            for variable in container["env"]
        }
    )


@pytest.mark.parametrize("name", ["deployment.yaml", "migration.yaml"])
def test_pods_may_do_little(name: str) -> None:
    """No root, no writable root file system, no capabilities, no token of the cluster's."""
    (document,) = documents(f"kubernetes/{name}")
    pod, container = document["spec"]["template"]["spec"], container_of(name)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    own = container["securityContext"]
    assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False)
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container["resources"]["limits"]


def test_probes_ask_what_there_is() -> None:
    """Ports and paths are those of the server; being alive does not depend on the log."""
    container = container_of("deployment.yaml")
    options = check_command(container["args"])
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports == {
        "grpc": options["--port"],
        "http": options["--http"].rpartition(":")[2],
        "metrics": options["--metrics-port"],
    }
    paths = {
        kind: container[kind]["httpGet"]["path"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert paths == {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}
    assert {container[kind]["httpGet"]["port"] for kind in paths} == {"metrics"}
    assert options["--metrics-host"] == "0.0.0.0"


def test_there_is_time_to_drain() -> None:
    """A pod is killed later than its pause and its grace are over."""
    (document,) = documents("kubernetes/deployment.yaml")
    container = container_of("deployment.yaml")
    (grace,) = [float(variable["value"]) for variable in container["env"] if variable["name"] == "TACT_GRACE"]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert document["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > pause + grace


def test_all_mean_the_same_pods() -> None:
    """Service and disruption budget choose the Deployment's pods, and not the migration's."""
    deployment, service, web, budget, job = documents(
        *(f"kubernetes/{name}.yaml" for name in ("deployment", "service", "http", "disruption", "migration"))
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"].items() <= labels.items()
    assert web["spec"]["selector"] == service["spec"]["selector"]
    ports = {port["name"] for port in container_of("deployment.yaml")["ports"]}
    assert {port["targetPort"] for of in (service, web) for port in of["spec"]["ports"]} <= ports
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert not service["spec"]["selector"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert service["spec"]["clusterIP"] == "None"


def test_the_network_lets_through_what_is_needed() -> None:
    """Policies choose the pods of the Deployment and of the Job; the ports are theirs, and the log's; nothing else is open."""
    deployment, job = documents("kubernetes/deployment.yaml", "kubernetes/migration.yaml")
    servers, migration = documents("kubernetes/network.yaml")
    for policy, pods in ((servers, deployment), (migration, job)):
        labels = pods["spec"]["template"]["metadata"]["labels"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
        assert ports == [53, 53, 5432]
    named = {port["name"] for port in container_of("deployment.yaml")["ports"]}
    allowed = {port["port"]: rule["from"] for rule in servers["spec"]["ingress"] for port in rule["ports"]}
    assert set(allowed) == named
    assert all(allowed.values()), "an empty list lets everybody in"
    assert "ingress" not in migration["spec"]


def test_production_pins_every_image_by_digest() -> None:
    """Each image of the manifests is replaced by one with a digest; what to replace is in the guide."""
    (production,) = documents("production/kustomization.yaml")
    pinned = {image["name"]: image["digest"] for image in production["images"]}
    used = {container_of(name)["image"].partition(":")[0] for name in ("deployment.yaml", "migration.yaml")}
    assert set(pinned) == used
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in pinned.values())
    assert (DEPLOY / "production" / production["resources"][0]).resolve() == FOLDER
    guide = (DEPLOY.parent / "docs" / "how-to" / "run-in-a-container.md").read_text(encoding="utf-8")
    assert "deploy/production" in guide
    assert "REGISTRY" in guide


def test_what_is_mounted_is_used() -> None:
    """Every file that is named lies in a volume, and the example's book loads."""
    container = container_of("deployment.yaml")
    mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
    named = [variable["value"] for variable in container["env"] if variable.get("value", "").startswith("/")]
    named.append(check_command(container["args"])["--rules"])
    assert [path for path in named if not any(path.startswith(folder) for folder in mounted)] == []
    (book,) = documents("kubernetes/book.yaml")
    loaded = load_files({name: text.encode() for name, text in book["data"].items()})
    assert loaded.book is not None, loaded.diagnostics
