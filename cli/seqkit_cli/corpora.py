"""``seqkit corpora``: list, show and validate corpora."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from seqkit.errors import ConfigError

if TYPE_CHECKING:
    from seqkit.text.scheme_rules import Scheme

__all__ = ["app"]

app = typer.Typer(help="List, show and validate corpora.", no_args_is_help=True)


@app.command("list")
def list_corpora() -> None:
    """List the embedded corpora, and the hub ids whose columns are known."""
    from seqkit.data.corpus_names import list_embedded
    from seqkit.data.hub import HUB_CORPORA

    for name in list_embedded():
        print(name)
    for name in HUB_CORPORA:
        print(f"{name} (hub)")


@app.command()
def show(name: Annotated[str, typer.Argument(help="An embedded corpus.")]) -> None:
    """Show the card of an embedded corpus: origin, licence, counts, annotation guideline."""
    from seqkit.data.corpus_names import read_card

    print(read_card(name))


@app.command()
def validate(
    path: Annotated[str, typer.Argument(help="Corpus: a name, a file or a folder.")],
    scheme: Annotated[str | None, typer.Option(help="Tagging scheme; detected by default.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Every tag that breaks the scheme is an error.")] = False,
    token_column: Annotated[str | None, typer.Option(help="Name or index of the token column.")] = None,
    tag_column: Annotated[
        str | None, typer.Option("--tag-column", "--label-column", help="Name or index of the tag or label column.")
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Name or index of the text column.")] = None,
    offsets: Annotated[
        str | None, typer.Option(help="What the offsets of spans count: characters, utf16 or bytes.")
    ] = None,
    from_name: Annotated[str | None, typer.Option(help="Label Studio: the labelling control to read.")] = None,
    annotator: Annotated[str | None, typer.Option(help="Id or e-mail of the annotator to read.")] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of text files.")] = "utf-8",
) -> None:
    """Report the tagging scheme of a corpus and what is wrong with it, with file and line. Nothing is changed."""
    from seqkit.data.annotations import ExportOptions
    from seqkit.data.corpora import columns_taken
    from seqkit.data.validation import validate_corpus

    columns = {"token_column": token_column, "tag_column": tag_column, "text_column": text_column}
    options = ExportOptions(offsets=offsets, from_name=from_name, annotator=annotator)
    formats, problems = validate_corpus(
        path, scheme=_parse_scheme(scheme), strict=strict, **columns, encoding=encoding, options=options
    )
    taken = columns_taken(path, **columns, encoding=encoding, **asdict(options))
    for file, found in taken.items():
        print(f"{file}: {found}")
    for line in formats:
        print(line)
    for problem in problems:
        print(problem if problem.level == "error" else f"{problem} (note)")
    errors = sum(problem.level == "error" for problem in problems)
    print(f"{errors} errors, {len(problems) - errors} notes")
    if errors:
        raise typer.Exit(1)


def _parse_scheme(name: str | None) -> "Scheme | None":
    from seqkit.text.scheme_rules import Scheme

    try:
        return Scheme.parse(name) if name else None
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--scheme") from None
