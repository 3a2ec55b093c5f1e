"""What dashboards and alert rules ask for is there, and every alert leads a person somewhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from platform_api import metering
from platform_api.cli.main import MODULES
from platform_api.counting import Counting
from platform_api.figures import FIGURES
from tests.doors import Doors, open_doors

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "deploy/observability/dashboards").glob("*.json"))
RULES = ROOT / "deploy/observability/alerts.yaml"
RUNBOOKS = ROOT / "docs/runbooks"
BUILT_IN = {"up"}
NOT_LABELS = {"instance", "pod", "le"}

_METRIC = re.compile(r"\b(avow_[a-z0-9_]+)(?:\{([^}]*)\})?")
_WORDS = {"by", "without", "or", "and"}
_FUNCTIONS = {"sum", "max", "min", "rate", "increase", "histogram_quantile", "absent", "count", "vector"}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for board in BOARDS:
        for panel in json.loads(board.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{board.stem}: {panel['title']}", target["expr"]


ASKED = [
    pytest.param(where, expression, id=f"{where} {number}")
    for number, (where, expression) in enumerate(expressions())
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the labels of every sample that is scraped, by its name, when all was counted once."""
    folder = tmp_path_factory.mktemp("doors")
    with open_doors(f"sqlite:///{folder / 'avow.db'}", folder) as doors:
        metering.install(doors.app.state.metrics, doors.platform)
        doors.submit()
        doors("", "GET", "/v1/projects")
        count_everything(doors)
        text = doors("", "GET", "/metrics").text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def count_everything(doors: Doors) -> None:
    counting = Counting(doors.platform.db)
    for figure in FIGURES:
        if figure.buckets:
            counting.observe(figure, 1.0, *figure.labels)
        else:
            counting.add(figure, *figure.labels, contract="database" if figure.by_contract else "")
    counting.flush()


@pytest.mark.parametrize(("where", "expression"), ASKED)
def test_every_metric_and_label_that_is_asked_for_is_scraped(
    samples: dict[str, set[str]], where: str, expression: str
) -> None:
    asked = _METRIC.findall(expression)
    assert asked or "up{" in expression, where
    labels: set[str] = set()
    for name, matchers in asked:
        assert name in samples, f"{where} asks for {name}"
        labels |= samples[name]
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= samples[name]
    for grouping in re.findall(r"\b(?:by|without) \(([^)]*)\)", expression):
        assert {name.strip() for name in grouping.split(",")} <= labels | NOT_LABELS


@pytest.mark.parametrize(("where", "expression"), ASKED)
def test_expressions_are_whole(where: str, expression: str) -> None:
    assert all(expression.count(left) == expression.count(right) for left, right in ("()", "{}", "[]")), where
    assert set(re.findall(r"\b([a-z_]+) ?\(", expression)) - _WORDS <= _FUNCTIONS
    # A rate over one process's share of a sum would be wrong: what all doors tell alike is not added up.
    for name in re.findall(r"(?:rate|increase)\((avow_[a-z_]+)", expression):
        is_shared = any(name.startswith(figure.name) for figure in FIGURES)
        assert not is_shared or "max without (instance, pod)" in expression


def test_alerts_have_the_shape_that_prometheus_reads() -> None:
    document = yaml.safe_load(RULES.read_text())
    assert set(document) == {"groups"}
    for group in document["groups"]:
        assert set(group) <= {"name", "interval", "rules"}
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Avow[A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"[1-9][0-9]*[smhd]", rule["for"])
        assert rule["labels"]["severity"] in ("page", "ticket")
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    named = {rule["annotations"]["runbook"] for rule in rules()}
    assert named == {path.relative_to(ROOT).as_posix() for path in RUNBOOKS.glob("*.md")}
    for rule in rules():
        text = (ROOT / rule["annotations"]["runbook"]).read_text()
        assert text.startswith(f"# {rule['alert']}\n")
        for part in ("## What it means", "## Do", "## It is over when"):
            assert part in text


def test_runbooks_name_only_what_there_is(samples: dict[str, set[str]]) -> None:
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text()
        commands = {words.split()[0] for words in re.findall(r"`avow ([^`]+)`", text)}
        assert commands <= set(MODULES), path.name
        assert {name for name, _ in _METRIC.findall(text)} <= set(samples), path.name
        for link in re.findall(r"\]\(([^)]+)\)", text):
            assert (path.parent / link).exists()


def test_dashboards_are_what_grafana_imports() -> None:
    assert [board.stem for board in BOARDS] == ["debug", "executive", "on-call"]
    uids = set()
    for board in BOARDS:
        document = json.loads(board.read_text())
        uids.add(document["uid"])
        panels = document["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len(uids) == len(BOARDS)


def test_every_figure_is_shown_somewhere_and_explained(samples: dict[str, set[str]]) -> None:
    explained = (ROOT / "docs/metrics.md").read_text()
    shown = " ".join(expression for _, expression in expressions())
    names = {re.sub(r"_(bucket|sum|count)$", "", name) for name in samples if "_created" not in name}
    assert [name for name in sorted(names) if f"`{name}`" not in explained] == []
    assert [figure.name for figure in FIGURES if figure.name not in shown] == []
