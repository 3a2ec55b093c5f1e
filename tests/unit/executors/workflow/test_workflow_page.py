"""The reference page of the workflow format says what the engine does."""

import re
from pathlib import Path
from typing import Any

import pytest

from catalog.documents import read_yaml
from executors.steps import builtin
from executors.workflow import check, check_references, check_steps, linkage
from executors.workflow.check import SCHEMA, workflow_findings
from tests.step_calls import step_settings

PAGE = (Path(__file__).parents[4] / "docs/workflows.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
HEAD = "apiVersion: avow/v1\nkind: Workflow\nmetadata: {name: provision}\n"
INNER = HEAD + "steps: [{id: a, wait: {timer: 1s}}]\noutputs: {id: 1}\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.partition("\n")[0][:20] + str(len(text)))
def test_an_example_can_be_published(example: str, tmp_path: Path) -> None:
    text = example if example.startswith("apiVersion") else HEAD + example
    kinds = builtin(step_settings(tmp_path))
    assert workflow_findings(read_yaml(text, "x.yaml"), kinds, files={"network.yaml": INNER}) == ()


def test_the_page_names_every_field_of_a_step() -> None:
    schema: Any = SCHEMA
    fields = schema["$defs"]["step"]["properties"].keys() - {"id"}
    assert [field for field in fields if f"`{field}`" not in PAGE and f"`{field}" not in PAGE] == []
    for part in ("approval", "wait", "retry", "concurrency", "rate", "breaker", "compensation"):
        named = [name for name in schema["$defs"][part]["properties"] if f"{name}:" not in PAGE]
        assert [name for name in named if f"`{name}`" not in PAGE] == [], part


def test_the_page_names_every_code_that_the_checks_give() -> None:
    texts = [
        Path(str(module.__file__)).read_text("utf-8")
        for module in (check, check_references, check_steps, linkage)
    ]
    codes = {code for text in texts for code in re.findall(r'Finding\(\s*[^,]+?,\s*"([a-z_]+)"', text)}
    assert len(codes) > 10, "the pattern finds too few"
    assert [code for code in sorted(codes) if f"`{code}`" not in PAGE] == []
