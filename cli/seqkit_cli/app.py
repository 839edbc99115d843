"""The ``seqkit`` command: parses, calls the library, prints, and turns errors into exit codes.

Exit codes: 0 success, 1 bad data or files, 2 bad usage, 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP. stdout carries results
only.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import Annotated, Any, cast

import typer

import seqkit
from seqkit.errors import SeqkitError, SeqkitWarning
from seqkit.task_table import TASKS
from seqkit.tasks.spec import TaskSpec
from seqkit_cli import corpora
from seqkit_cli.evaluate import evaluate_command
from seqkit_cli.generate import generate
from seqkit_cli.info import info
from seqkit_cli.interrupts import raise_interrupts
from seqkit_cli.options import option_name
from seqkit_cli.predict import predict
from seqkit_cli.streams import discard_output, discard_unwritten
from seqkit_cli.train import train_commands

__all__ = ["build_app", "run_app"]

# Bad usage is a subclass of this one, which Typer does not export; such errors print themselves.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


def build_app(tasks: Mapping[str, TaskSpec[Any]]) -> typer.Typer:
    """Return the command line for some tasks."""
    app = typer.Typer(
        name="seqkit",
        help="Label, classify and generate text with recurrent networks.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "obj": tasks},
    )
    app.callback()(_root)
    app.add_typer(train_commands(tasks), name="train")
    app.command("evaluate")(evaluate_command(tasks))
    app.command("predict")(predict)
    app.command("generate")(generate)
    app.command("info")(info)
    app.add_typer(corpora.app, name="corpora")
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqkit {seqkit.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["SEQKIT_DEBUG"] = "1"


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if isinstance(message, SeqkitWarning):
        print(f"warning: {message.with_settings(option_name)}", file=sys.stderr)


def run_app(tasks: Mapping[str, TaskSpec[Any]] | None = None) -> int:
    """Run the command line for some tasks, all by default, and return its exit code."""
    os.environ.pop("SEQKIT_DEBUG", None)
    warnings.showwarning = _show_warning
    warnings.simplefilter("always", SeqkitWarning)
    app = build_app(TASKS if tasks is None else tasks)
    with raise_interrupts() as interrupt:
        try:
            code = _run(app)
        except (KeyboardInterrupt, typer.Abort):
            code = 130
        if interrupt.number is not None:  # whatever became of the exception: Typer makes code 130 of it
            print("interrupted", file=sys.stderr)
            code = 128 + interrupt.number
        discard_unwritten()
        return code


def _run(app: typer.Typer) -> int:
    try:
        code = app(standalone_mode=False)
        # Output that cannot be written is an error here, not while the interpreter shuts down.
        print(end="", flush=True)
        return code if isinstance(code, int) else 0
    except SeqkitError as error:
        _show(error)
        return error.exit_code
    except BrokenPipeError:
        return _stop_writing()
    except SystemExit as leaving:  # that is how Typer and rich react to a broken pipe
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        return _stop_writing()
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        _show(SeqkitError(f"{error.encoding}, the encoding of the output, has no {character!r}; set PYTHONUTF8=1"))
        return 1
    except OSError as error:
        _show(SeqkitError(f"{error.filename or 'input or output'}: {error.strerror or error}"))
        return 1
    except _UsageError as error:
        error.show()
        return error.exit_code


def _stop_writing() -> int:
    """Discard further output: its reader, such as head, has closed the pipe."""
    discard_output()
    return 0


def _show(error: SeqkitError) -> None:
    if os.environ.get("SEQKIT_DEBUG"):
        traceback.print_exc()
    print(f"error: {error.with_settings(option_name)}", file=sys.stderr)
