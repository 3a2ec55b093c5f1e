"""`avow contract`, and `avow lint`: for authors, without a server.

Loaded by name like `workflow`, because the catalogue's, the engine's and policy's own parts do
the work here, on the files of a bundle.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.starter import CapabilityKind, starter
from executors.workflow.authoring.folder import folder_of
from executors.workflow.authoring.kinds import InstalledKinds
from executors.workflow.lint import linter, whole
from executors.workflow.lint.rule import Rule, Severity
from platform_api.authoring.publishable import installed_executors, judged
from platform_api.cli import author_documents as documents
from platform_api.cli import contract_lines as lines
from platform_api.cli import workflow_lines
from platform_api.cli.bundles import Bundle, bundles
from platform_api.cli.contract_cases import cases
from platform_api.cli.contract_diff import diff
from platform_api.cli.contract_publish import publish
from platform_api.cli.contract_signing import keygen, sign
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.junit import junit
from platform_api.cli.local import show, told_as_failure
from platform_api.cli.session import new_app
from policy.bundle import SHIPPED, organisation
from policy.embedded import EmbeddedEngine, EmbeddedLimits
from policy.engine import PolicyEngine

app = new_app()
contract = new_app()
app.add_typer(
    contract,
    name="contract",
    help="Start, check, test, compare, sign and publish contracts.",
    no_args_is_help=True,
)

contract.command()(diff)
contract.command()(publish)
contract.command()(keygen)
contract.command()(sign)

DEFAULT_OWNER = "team-platform"
_Paths = Annotated[list[Path], typer.Argument(help="Bundles' folders.", show_default=False)]
_PolicyDir = Annotated[
    Path | None,
    typer.Option("--policy-dir", metavar="DIR", help="The organisation's Rego, as the server has it."),
]


@contract.command()
def init(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the capability is called.", metavar="NAME")],
    *,
    kind: Annotated[CapabilityKind, typer.Option(help="What it is made of.", show_default=False)],
    owner: Annotated[str, typer.Option(metavar="TEAM", help="The team that answers for it.")] = DEFAULT_OWNER,
    into: Annotated[Path, typer.Option(metavar="DIR", help="Where its folder is made.")] = Path(),
) -> None:
    """Start a contract from a complete bundle of its kind, in a folder of its name."""
    with told_as_failure():
        files = starter(kind, name, owner)
    folder = into / name
    _write(folder, files)
    told = {"name": name, "kind": kind.value, "owner": owner, "folder": str(folder), "files": sorted(files)}
    show(context, told, _next(folder, kind, len(files)))


@app.command("lint")
@contract.command("lint")
def check(
    context: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Bundles' folders.", show_default=False)] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Explain the rules instead.")] = False,
    policy_dir: _PolicyDir = None,
) -> None:
    """Name what publishing would refuse, and the signs of misuse.

    Ends with 7 when there are errors. A comment `# lint: allow RULE: reason` silences.
    """
    wholes = whole.rules(installed_executors())
    known: list[Rule[Any]] = [*linter.RULES, *wholes]
    if rules:
        show(context, list(map(documents.rule, known)), workflow_lines.rules(known))
        return
    found = _bundles(paths or ())
    kinds = InstalledKinds()
    with _engine() as engine, told_as_failure():
        ours = organisation(_directories(policy_dir))
        folders = [judged(folder_of(each.files, each.shown), kinds, engine, ours) for each in found]
    report = linter.lint(folders, kinds, wholes)
    told = documents.lint_report(report)
    show(context, told, lines.report(report, len(found)), items=told["findings"])
    if report.count(Severity.ERROR) or (strict and report.remarks):
        raise typer.Exit(ExitCode.FAILED)


@contract.command("test")
def try_out(
    context: typer.Context,
    paths: _Paths,
    *,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML too.")
    ] = None,
    policy_dir: _PolicyDir = None,
) -> None:
    """Try a contract's examples, its policy's table and its workflows' tests.

    Nothing is called, and time flies. Ends with 7 when anything fails.
    """
    found, kinds = _bundles(paths), InstalledKinds()
    with _engine() as engine, told_as_failure():
        ours = organisation(_directories(policy_dir))
        results = [case for bundle in found for case in cases(bundle, kinds, engine, ours)]
    if junit_file is not None:
        junit_file.write_text(junit(results), "utf-8")
    failed = sum(not case["passed"] for case in results)
    counts = {"passed": len(results) - failed, "failed": failed}
    show(context, {"cases": results, **counts}, lines.results(results), items=results)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _bundles(paths: Sequence[Path]) -> list[Bundle]:
    found = list(bundles(paths))
    if not found or any(each.only for each in found):
        raise Failure(ExitCode.USAGE, "Name the folder of a bundle.", fix="avow contract lint .")
    return found


def _directories(policy_dir: Path | None) -> Sequence[Path]:
    return (SHIPPED,) if policy_dir is None else (SHIPPED, policy_dir)


@contextmanager
def _engine() -> Iterator[PolicyEngine]:
    with closing(EmbeddedEngine(EmbeddedLimits(workers=1))) as engine:
        yield engine


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write a new folder; one that is there is left alone, whatever is in it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
    except FileExistsError as error:
        fix = "choose another name, or another folder with --into"
        raise Failure(
            ExitCode.CONFLICT, f"There is something at {error.filename} already.", fix=fix
        ) from error
    except OSError as error:
        raise Failure(ExitCode.OTHER, f"{error.filename} cannot be written: {error.strerror}.") from error


def _next(folder: Path, kind: CapabilityKind, files: int) -> Iterator[str]:
    yield f"{folder.as_posix()}/  a contract of kind {kind}, {files} files"
    yield f"  avow contract lint {folder.as_posix()}"
    yield f"  avow contract test {folder.as_posix()}"
    yield f"  avow contract publish {folder.as_posix()}"
