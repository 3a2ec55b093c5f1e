"""`avow workflow lint`, `graph`, `test` and `run --dry-run`: for authors, without a server.

The second command module that loads more than the client (after `serve`), and like it loaded
by name, only when one of its commands is called: the engine's own rules and core do the work
here, on the files of a bundle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from catalog.digest import JsonObject
from executors.workflow.authoring.folder import Folder, Source, assembled, folder_of
from executors.workflow.authoring.kinds import InstalledKinds
from executors.workflow.lint.linter import RULES, Remark, Report, lint
from executors.workflow.lint.rule import Severity
from executors.workflow.picture.chart import chart_of
from executors.workflow.picture.dot import dot
from executors.workflow.picture.mermaid import mermaid
from executors.workflow.picture.tree import tree
from executors.workflow.rehearsal.bench import Result, play_of, run_tests, with_inputs
from executors.workflow.rehearsal.dry import dry_run
from executors.workflow.rehearsal.script import given_of
from platform_api.cli import author_documents as documents
from platform_api.cli import workflow_lines as lines
from platform_api.cli.bundles import Bundle, bundles
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.inputs import file_inputs
from platform_api.cli.junit import junit
from platform_api.cli.local import show, text_of, told_as_failure
from platform_api.cli.session import new_app

app = new_app()
workflow = new_app()
app.add_typer(
    workflow,
    name="workflow",
    help="Check, draw, test and try workflows; needs no server.",
    no_args_is_help=True,
)

DEFAULT = "provision"
_Paths = Annotated[
    list[Path], typer.Argument(help="Bundles' folders, or workflow files.", show_default=False)
]
_Path = Annotated[Path, typer.Argument(help="A bundle's folder, or a workflow file.")]
_Operation = Annotated[
    str,
    typer.Option(help=f"Of a bundle, the workflow of this operation or file; {DEFAULT}.", show_default=False),
]


class Form(StrEnum):
    """How a workflow is drawn."""

    MERMAID = "mermaid"
    DOT = "dot"
    TREE = "tree"


@workflow.command("lint")
def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Bundles' folders, or workflow files.", show_default=False)
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Explain the rules instead.")] = False,
) -> None:
    """Name what publishing would refuse, and the signs of misuse.

    Ends with 7 when there are errors. A comment `# lint: allow RULE: reason` silences.
    """
    if rules:
        show(context, [documents.rule(rule) for rule in RULES], lines.rules(RULES))
        return
    if not paths:
        raise Failure(
            ExitCode.USAGE, "Name a bundle's folder or a workflow file.", fix="avow workflow lint ."
        )
    found = list(bundles(paths))
    report = lint([folder_of(each.files, each.shown) for each in found], InstalledKinds())
    report = _only(report, found)
    told = documents.lint_report(report)
    show(context, told, lines.report(report), items=told["findings"])
    if report.count(Severity.ERROR) or (strict and report.remarks):
        raise typer.Exit(ExitCode.FAILED)


@workflow.command()
def graph(
    context: typer.Context,
    path: _Path,
    *,
    form: Annotated[Form, typer.Option("--as", help="How to draw it.")] = Form.MERMAID,
    operation: _Operation = "",
) -> None:
    """Draw a workflow: its steps, what they need and what undoes them."""
    folder, source = _one(path, operation)
    with told_as_failure():
        play_of(folder, source.path, InstalledKinds())
    chart = chart_of(assembled(source, folder))
    drawn = {Form.MERMAID: mermaid, Form.DOT: dot, Form.TREE: tree}[form](chart)
    show(context, {"name": chart.name, "nodes": asdict(chart)["nodes"]}, drawn.splitlines())


@workflow.command("test")
def try_out(
    context: typer.Context,
    paths: _Paths,
    *,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML too.")
    ] = None,
) -> None:
    """Run the *.test.yaml files of bundles on virtual time.

    Ends with 7 when a case fails.
    """
    results = [result for bundle in bundles(paths) for result in _results(bundle)]
    if not results:
        raise Failure(
            ExitCode.NOT_FOUND, "There are no tests here.", fix="write one: provision.test.yaml in the bundle"
        )
    cases = [documents.case(result) for result in results]
    if junit_file is not None:
        junit_file.write_text(junit(cases), "utf-8")
    failed = sum(not result.is_passed for result in results)
    counts = {"passed": len(results) - failed, "failed": failed}
    show(context, {"cases": cases, **counts}, lines.results(cases), items=cases)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


@workflow.command("run")
def run(
    context: typer.Context,
    path: _Path,
    *,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only tell; the one way there is.")] = False,
    inputs: Annotated[Path | None, typer.Option(help="YAML file of the inputs.", show_default=False)] = None,
    operation: _Operation = "",
) -> None:
    """Tell what a workflow would do and whom it would ask, and do nothing."""
    if not dry:
        raise Failure(
            ExitCode.USAGE, "Runs are the server's.", fix="add --dry-run; or ask for it with avow request"
        )
    folder, source = _one(path, operation)
    with told_as_failure():
        given = {} if inputs is None else file_inputs(text_of(inputs), str(inputs))
        play = play_of(folder, source.path, InstalledKinds())
        whole = with_inputs(folder, source.path, given, str(inputs or source.path))
        schema: JsonObject = {} if folder.contract is None else folder.contract.inputs
        answer = dry_run(play, given_of({"inputs": whole}), schema)
    show(context, documents.dry(answer), lines.dry(f"{folder.shown}{source.path}", answer))
    if not answer.is_fine:
        raise typer.Exit(ExitCode.FAILED)


def _one(path: Path, operation: str) -> tuple[Folder, Source]:
    """Return one workflow with the bundle that it stands in."""
    found = next(bundles([path]))
    folder = folder_of(found.files, found.shown)
    name = found.only or operation or DEFAULT
    meant = [each for each in folder.workflows.values() if name in (each.path, *each.operations)]
    if not meant:
        reasons = [f"{each.pointer}  {each.message}" for each in folder.findings]
        known = ", ".join(folder.workflows) or "none"
        raise Failure(
            ExitCode.NOT_FOUND,
            f"There is no workflow {name} in {found.shown or path} that can be read.",
            details=reasons,
            fix=f"workflows here: {known}",
        )
    return folder, meant[0]


def _results(bundle: Bundle) -> Iterator[Result]:
    files = bundle.files
    if bundle.only:
        tests = {name for name in files if name.endswith(".test.yaml")} - {bundle.only}
        files = {name: text for name, text in files.items() if name not in tests}
    with told_as_failure():
        yield from run_tests(folder_of(files, bundle.shown), InstalledKinds())


def _only(report: Report, found: Sequence[Bundle]) -> Report:
    """Return the report without what was read around the files that were asked for."""
    if not any(each.only for each in found):
        return report
    meant = {f"{each.shown}{each.only}" for each in found if each.only}
    whole = tuple(each.shown for each in found if not each.only)

    def is_meant(remark: Remark) -> bool:
        return remark.path in meant or remark.path.startswith(whole)

    return replace(
        report,
        remarks=tuple(filter(is_meant, report.remarks)),
        silenced=tuple(filter(is_meant, report.silenced)),
    )
