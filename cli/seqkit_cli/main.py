"""The ``seqkit`` command: parses, calls the library, prints, and turns errors into exit codes.

Exit codes: 0 success, 1 bad data or files, 2 bad usage, 130 Ctrl-C. stdout carries results only.
"""

import os
import sys
import traceback
import warnings
from typing import Annotated

import typer

import seqkit
from seqkit.errors import SeqkitError, SeqkitWarning
from seqkit_cli import corpora, evaluate, generate, info, predict, train

__all__ = ["app", "main"]

app = typer.Typer(
    name="seqkit",
    help="Label, classify and generate text with recurrent networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train.app, name="train")
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("info")(info.info)
app.add_typer(corpora.app, name="corpora")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqkit {seqkit.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["SEQKIT_DEBUG"] = "1"


def _say_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if issubclass(category, SeqkitWarning):
        print(f"warning: {message}", file=sys.stderr)


def main() -> None:
    """Run the command line and exit with its code."""
    os.environ.pop("SEQKIT_DEBUG", None)
    warnings.showwarning = _say_warning
    warnings.simplefilter("always", SeqkitWarning)
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(standalone_mode=False)
        print(end="", flush=True)  # what cannot be written is told here, not while the interpreter shuts down
        return code if isinstance(code, int) else 0
    except SeqkitError as error:
        _show(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return _stop_writing()
    except SystemExit as leaving:  # so Typer and rich answer a broken pipe
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
    except Exception as error:
        # Usage errors are click's, of which some versions of Typer bring a copy of their own; they show themselves.
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        error.show()
        return int(error.exit_code)


def _stop_writing() -> int:
    """The reader of our output, such as head, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _show(error: Exception) -> None:
    if os.environ.get("SEQKIT_DEBUG"):
        traceback.print_exc()
    print(f"error: {error}", file=sys.stderr)
