"""Alert rules and dashboard: well-formed, and about figures that there are."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from tests.books import write_book
from tests.deploy.given import DEPLOY, documents
from tests.docs.pages import ROOT
from tests.logs import sqlite_log
from tests.server.released import releasing
from tests.servers import serving
from tests.telemetry.shown import every_figure, get, kind_of, shown_name, three_free_ports, value
from tests.waiting import until

_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "up"}
"""Of the process, and of Prometheus itself."""
_LABELS = {"job", "instance", "namespace"}
"""What Prometheus adds; the namespace in Kubernetes only: a group by a label that is not there is a group."""
DASHBOARD = json.loads((DEPLOY / "grafana" / "tact.json").read_text(encoding="utf-8"))
RULES = [rule for group in documents("prometheus/alerts.yaml")[0]["groups"] for rule in group["rules"]]


def series() -> dict[str, tuple[str, ...]]:
    """The labels of each series of ours, as Prometheus stores them."""
    labels_of: dict[str, tuple[str, ...]] = {}
    for figure in every_figure():
        name, labels = shown_name(figure), figure.labels
        if kind_of(figure) == "histogram":
            labels_of |= {f"{name}_bucket": (*labels, "le"), f"{name}_sum": labels, f"{name}_count": labels}
        else:
            labels_of[name] = labels
    return labels_of


def queries() -> Iterator[tuple[str, str]]:
    """Every query of the dashboard and the rules, with where it stands."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$job", "tact")
    for rule in RULES:
        yield rule["alert"], rule["expr"]


def selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    """The selectors in a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vs", "vector_selector", "param", "args"):
        part = getattr(node, name, None)
        for child in part if isinstance(part, list) else [part]:
            if child is not None and not isinstance(child, str | int | float):
                yield from selectors(child)


@pytest.mark.parametrize(("where", "query"), list(queries()), ids=[where for where, _ in queries()])
def test_queries_are_about_what_there_is(where: str, query: str) -> None:
    """Each is PromQL, asks for figures that a server has, and by labels that they have."""
    known = series()
    asked = list(selectors(promql_parser.parse(query)))
    assert asked, where
    for selector in asked:
        assert selector.name in known or selector.name in _PROCESS, selector.name
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= {*known.get(selector.name, ()), *_LABELS}


def test_queries_group_by_what_there_is() -> None:
    """The labels by which sums are made are labels of figures."""
    every = {label for labels in series().values() for label in labels} | _LABELS
    for where, query in queries():
        for group in re.findall(r"by \(([^)]*)\)", query):
            assert {label.strip() for label in group.split(",")} <= every, where


def test_a_server_shows_what_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure that a query names stands in what a real supervisor and its workers show."""
    monkeypatch.setenv("TACT_WEATHER_URL", "http://127.0.0.1:9")
    first = three_free_ports()
    book, log = write_book(tmp_path / "book"), sqlite_log(tmp_path)
    options = ["--workers", "2", "--metrics-port", str(first), "--challenger", str(book)]
    options += ["--http", "127.0.0.1:0"]
    with releasing(log, "spring") as releases:
        releases.activate(releases.publish(book))
    with serving("spring", log, *options) as server:
        until(lambda: value(first, "tact_workers") == 2)
        shown = {name for port in (first, first + 1) for name in _shown(get(port, "/metrics")[1])}
        assert server.stop() == 0
    asked = {selector.name for _, query in queries() for selector in selectors(promql_parser.parse(query))}
    assert asked - shown == {"up"}


def _shown(exposition: str) -> Iterator[str]:
    """The series that can come of what the exposition announces."""
    for _, _, name, kind in re.findall(r"^(#) (TYPE) (\w+) (\w+)$", exposition, re.MULTILINE):
        yield from (
            (f"{name}_{suffix}" for suffix in ("bucket", "sum", "count")) if kind == "histogram" else (name,)
        )


def test_rules_assume_no_job() -> None:
    """Prometheus is free to call the job anything: in Kubernetes its name comes of how the pods are found."""
    for rule in RULES:
        for selector in selectors(promql_parser.parse(rule["expr"])):
            assert not {"job", "namespace"} & {matcher.name for matcher in selector.matchers.matchers}, rule
        if "sum" in rule["expr"] or "count" in rule["expr"]:
            assert all(
                group.startswith("job, namespace") for group in re.findall(r" by \(([^)]*)\)", rule["expr"])
            )


def test_rules_say_what_is_wrong() -> None:
    """Each alert has a name of its own, a severity and a summary."""
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names) > 10
    assert {rule["labels"]["severity"] for rule in RULES} == {"page", "ticket"}
    assert all(rule["annotations"]["summary"] for rule in RULES)


def test_the_guide_says_what_to_do() -> None:
    """Every alert has a row in the operations guide, with its severity, and the guide names no others."""
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(Tact\w+)` \| (\w+) \| .{20,} \| .{20,} \|$", guide, re.MULTILINE)
    assert sorted(rows) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in RULES)


def test_every_figure_is_on_the_dashboard() -> None:
    """What is counted can be seen; the dashboard's panels have titles and places of their own."""
    queried = " ".join(query for _, query in queries())
    assert [figure.name for figure in every_figure() if figure.name not in queried] == []
    positions = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(positions)) == len(positions)
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(positions)


def test_the_scraped_port_is_the_servers() -> None:
    """Prometheus in compose.yaml looks at the port that the servers there have."""
    (config,), (compose,) = documents("prometheus/prometheus.yml"), documents("compose.yaml")
    (scraped,) = config["scrape_configs"]
    (source,) = scraped["dns_sd_configs"]
    assert f"--metrics-port={source['port']}" in compose["services"]["server"]["command"]
    assert source["names"] == ["server"]
    assert (DEPLOY / "prometheus" / config["rule_files"][0]).exists()
    assert scraped["job_name"] == DASHBOARD["templating"]["list"][0]["current"]["value"]
