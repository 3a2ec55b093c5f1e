"""The command `avow`: finds the command, loads its module and no other, turns failures into exit codes.

Started by the installed script and by `python -m platform_api.cli.main`. Command modules
are named in a table and loaded with importlib when one of their commands is called: the
help needs none of them, a client command loads no server, and `serve` is reached this way
only (the import law knows no other road to it).
"""

import importlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.session import (
    DEFAULT_PROJECT,
    DEFAULT_URL,
    Format,
    Given,
    NoColor,
    NoInput,
    Output,
    Project,
    Term,
    Token,
    TokenFile,
    Url,
    options_after,
)

# heading -> command -> (module, what it does)
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Ask": {
        "plan": ("ask", "Show what a request would do, and do nothing."),
        "request": ("ask", "Ask for a capability."),
        "apply": ("apply", "Make what files declare so."),
        "delete": ("steer", "Give something back; what was delivered is torn down."),
        "keep": ("steer", "Take back a deletion that waits for others."),
    },
    "Look": {
        "get": ("look", "List things of a kind, or show one."),
        "explain": ("explain", "Explain a capability, or one of its fields."),
        "status": ("look", "Show where a request stands."),
        "why": ("look", "Say why it is not ready, whose move it is and what to do."),
        "watch": ("watch", "Follow a request until it is ready."),
        "wait": ("watch", "Wait until a request is ready, or deleted."),
    },
    "Steer": {
        "reconcile": ("steer", "Look at a request now instead of at its next turn."),
        "pause": ("steer", "Hold a request: nothing is done to it."),
        "resume": ("steer", "Let a held request go on."),
        "upgrade": ("versions", "Go to a newer version of its contract."),
        "pin": ("versions", "Stay on the version that is delivered now."),
        "rollback": ("versions", "Go back to the version before."),
        "action": ("acting", "Ask what its contract offers besides a change."),
        "cancel": ("steer", "Stop a run and undo what it did."),
        "runs": ("runs", "Steer single runs: hold, retry, signal, move."),
        "dead-letters": ("dead_letters", "List the runs that wait for a person."),
    },
    "Decide": {
        "approvals": ("approvals", "List what is asked of you, or show one."),
        "approve": ("approvals", "Approve, after you have seen what."),
        "reject": ("approvals", "Reject, and say why; what was done is undone."),
        "delegate": ("approvals", "Let somebody else vote in your place, this once."),
        "away": ("away", "Say who votes in your place while you are away."),
    },
    "Write": {
        "client": ("typed_client", "Write a typed Python client for a capability."),
        "contract": ("contract", "Start, check, test, compare, sign and publish contracts."),
        "lint": ("contract", "Name what publishing would refuse, and signs of misuse."),
        "workflow": ("workflow", "Check, draw, test and try workflows; needs no server."),
    },
    "Administer": {
        "publish": ("publish", "Publish contracts from folders, archives or git."),
        "policy": ("policy", "See what other policies would do."),
        "canary": ("canary", "Let a share of the requests follow a version."),
        "deprecate": ("lifecycle", "Tell everybody to leave a version, and by when."),
        "undeprecate": ("lifecycle", "Take that back."),
        "retire": ("lifecycle", "End a version that nobody uses any more."),
        "laggards": ("lifecycle", "List who is still on a version."),
        "token": ("tokens", "Make, list and revoke access tokens."),
        "audit": ("audit", "Check that nobody changed the audit trail."),
        "doctor": ("doctor", "Check the server, and say what is off and how to turn it on."),
        "version": ("version", "Show the version of this command and of the server."),
    },
    "Serve": {
        "up": ("serve", "Run everything in one process."),
        "api": ("serve", "Run the API alone."),
        "worker": ("serve", "Run a worker alone: it drives runs."),
        "reconciler": ("serve", "Run the reconciler alone."),
    },
}
MODULES = {name: place for part in COMMANDS.values() for name, (place, _) in part.items()}


class Commands(TyperGroup):
    """Knows every command's name and summary, and loads a command when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for part in COMMANDS.values():
            self.commands.update({name: TyperCommand(name, help=text) for name, (_, text) in part.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that was called, with what follows its name."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, known and load(str(name)), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under their headings."""
        for heading, part in COMMANDS.items():
            formatter.write_heading(heading)
            with formatter.indentation():
                formatter.write_dl([(f"{name:<12}", summary) for name, (_, summary) in part.items()])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the last words at the margin; a screen has no room for an empty line before them."""
        formatter.write_text(self.epilog or "")


app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback(epilog="Options may follow the command. See COMMAND --help and --install-completion.")
def avow(
    context: typer.Context,
    *,
    url: Url = DEFAULT_URL,
    token: Token = "",
    token_file: TokenFile = "",
    project: Project = DEFAULT_PROJECT,
    output: Output = Format.TABLE,
    no_input: NoInput = False,
    no_color: NoColor = "",
    term: Term = "",
) -> None:
    """Ask for capabilities, and see every request kept true."""
    context.obj = Given(
        url=url,
        token=token,
        token_file=token_file,
        project=project,
        output=output,
        no_input=no_input,
        no_color=no_color,
        term=term,
        began_at=context.obj,
    )


def load(name: str) -> Any:
    """Return a command, ready to be called, from the one module that holds it."""
    module = importlib.import_module(f"platform_api.cli.{MODULES[name]}")
    command = typer.main.get_group(module.app).commands[name]
    _take_shared_options(command)
    return command


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    began_at = time.monotonic()
    try:
        _check_text(arguments)
        _command().main(args=list(arguments), prog_name="avow", obj=began_at)
    except Failure as failure:
        sys.stderr.write("".join(f"{line}\n" for line in failure.lines()))
        return int(failure.code)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def main() -> None:
    """Run the command line of this program."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has left (`| head`). Without this, Python complains about it while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    temporal = sys.modules.get("executors.temporal.line")
    if temporal is not None:  # its native threads do not outlive an interpreter in peace
        temporal.leave(code)
    sys.exit(code)


def _check_text(arguments: Sequence[str]) -> None:
    # Bytes that are no UTF-8 arrive as lone surrogates, which no server and no JSON would take.
    strange = [argument for argument in arguments if not argument.isascii() and not _is_encodable(argument)]
    if strange:
        raise Failure(
            ExitCode.USAGE, f"{strange[0]!a} is not UTF-8 text.", fix="check how the shell encodes it"
        )


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _command() -> Any:
    command: Any = typer.main.get_command(app)
    for option in command.params:
        if str(option.name).endswith("_completion"):
            option.hidden = True  # the last line of the help names them; a screen has only so many
    return command


def _take_shared_options(command: Any) -> None:
    if isinstance(command, TyperGroup):
        for nested in command.commands.values():
            _take_shared_options(nested)
    else:
        own = {name for option in command.params for name in option.opts}
        command.params.extend(options_after(own))


if __name__ == "__main__":
    main()
