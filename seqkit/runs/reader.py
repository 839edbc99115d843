"""Reading of a run folder: what is read is compared with its checksum, and belongs to one and the same run."""

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from seqkit.errors import CheckpointError, setting_ref
from seqkit.runs.atomic import READY
from seqkit.runs.format import FORMAT_VERSION, RUN_FILE, checksum, header_fault, is_intact, migrated

if TYPE_CHECKING:
    from torch import Tensor

    from seqkit.runs.weights import Stored

__all__ = ["CARD", "MODEL_FILE", "RESUME_FILE", "RESUME_VERSION", "RunReader"]

RESUME_VERSION = 1
RESUME_FILE = "resume/state.safetensors"
MODEL_FILE = "model.safetensors"
CARD = "README.md"  # people may edit it
MAX_RUN_FILE = 2**24  # bytes
MAX_FILE = 2**29  # bytes of any file that is read as a whole
_TRIES = 6  # to read a run that is being replaced meanwhile
_PAUSE = 0.05  # seconds before the second try; the next pause is longer

_T = TypeVar("_T")


class RunReader:
    """Reads a run folder.

    Args:
        path: the folder; it need not exist.
        verify: whether to compare what is read with the checksums in ``run.json``.
    """

    def __init__(self, path: str | os.PathLike[str], *, verify: bool = True) -> None:
        self.path = Path(path)
        self.verify = verify
        self._run: dict[str, Any] | None = None  # of the run that ``consistently`` reads
        self._checked: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def has_model(self) -> bool:
        """Whether the folder contains a model."""
        return self._place(MODEL_FILE).is_file()

    @property
    def can_resume(self) -> bool:
        """Whether the folder contains an unfinished training run."""
        return self._place(RESUME_FILE).is_file()

    def _place(self, name: str) -> Path:
        """Return where a file is; see ``seqkit.runs.atomic``."""
        ready = self.path / READY
        top = ready / name.partition("/")[0]
        return ready / name if (ready / RUN_FILE).is_file() and os.path.lexists(top) else self.path / name

    def consistently(self, read: Callable[[], _T]) -> _T:
        """Return what a function reads from this folder; start it again if another process replaces the run meanwhile.

        Raises:
            CheckpointError: what the function raises, or if the run never stays the same for long enough.
        """
        for number in range(_TRIES):
            time.sleep(_PAUSE * number)
            before = self._stamp()
            try:
                self._run, self._checked = self.read_run(), set()
                result = read()
            except CheckpointError:
                if self._stamp() == before:
                    raise
            else:
                if self._stamp() == before:
                    return result
            finally:
                self._run = None
        raise CheckpointError(f"{self.path} is being written all the time; try again later")

    def _stamp(self) -> tuple[int, ...]:
        try:
            status = self._place(RUN_FILE).stat()
        except OSError:
            return ()
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size

    def read(self, name: str) -> str:
        """Return the text of a file.

        Raises:
            CheckpointError: if it is missing, cannot be read, or differs from its checksum.
        """
        data = self._bytes(name, MAX_FILE)
        self._compare(name, checksum(data))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{self.path / name} cannot be read: {error}") from None

    def _bytes(self, name: str, limit: int) -> bytes:
        with self._opened(name, limit) as file:
            try:
                return file.read()
            except OSError as error:
                raise CheckpointError(f"{self.path / name} cannot be read: {error.strerror or error}") from None

    def _opened(self, name: str, limit: int | None = None) -> BufferedReader:
        """Open a regular file of at most so many bytes.

        Raises:
            CheckpointError: if it is missing, cannot be read, is too large, or is a pipe or a device.
        """
        path = self._place(name)
        try:
            return self._opened_at(path, name, limit)
        except FileNotFoundError:
            if path != (now := self._place(name)):  # it has just moved
                with suppress(FileNotFoundError):
                    return self._opened_at(now, name, limit)
            raise CheckpointError(self._missing(name)) from None
        except (OSError, ValueError) as error:  # ValueError: no file can have such a name
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(f"{self.path / name} cannot be read: {reason}") from None

    def _opened_at(self, path: Path, name: str, limit: int | None) -> BufferedReader:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CheckpointError(f"{self.path / name} cannot be read: it is not a file")
        if limit is not None and status.st_size > limit:
            raise CheckpointError(f"{self.path / name} is damaged: {status.st_size:,} bytes are too many")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags), "rb")

    def _missing(self, name: str) -> str:
        remedy = "give the folder that 'seqkit train' printed" if self.path.is_dir() else "there is no such folder"
        if name == MODEL_FILE and self.path.is_dir():
            return f"{self.path} has no {name}; {remedy}"
        return f"{self.path} is not a run: it has no {name}; {remedy}"

    def _compare(self, name: str, found: str) -> None:
        """Make sure that a file has its checksum, or one of two while it is being replaced.

        Raises:
            CheckpointError: if it has not.
        """
        self._checked.add(name)
        if not self.verify:
            return
        expected = self._checksums().get(name, found)
        if found != expected and not (isinstance(expected, list) and found in expected):
            or_else = f"train again, or load it as it is with {setting_ref('verify', False)}"
            raise CheckpointError(
                f"{self.path / name} is damaged or was changed: its SHA-256 is not the one in {RUN_FILE}; restore the "
                f"file, {'or train again' if name == RESUME_FILE else or_else}"
            )

    def _checksums(self) -> Mapping[str, Any]:
        if self._run is None and not os.path.lexists(self._place(RUN_FILE)):
            return {}
        checksums: dict[str, Any] = (self._run or self.read_run())["sha256"]
        return checksums

    def check_files(self) -> None:
        """Compare the files of the run that were not read yet with their checksums.

        The model card is left out, as people may edit it, and so is the state of an unfinished training, which is
        compared when it is read.

        Raises:
            CheckpointError: if one differs.
        """
        for name in self._checksums() if self.verify else ():
            read_elsewhere = name in (RUN_FILE, CARD, RESUME_FILE) or name in self._checked
            if not read_elsewhere and os.path.lexists(self._place(name)):
                with self._opened(name, MAX_FILE) as file:
                    self._compare(name, hashlib.file_digest(file, "sha256").hexdigest())

    def read_json(self, name: str) -> Any:
        """Return the content of a JSON file.

        Raises:
            CheckpointError: if it is missing, cannot be read or is damaged.
        """
        return self._parsed(name, self.read(name))

    def _parsed(self, name: str, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{self.path / name} is damaged: {error}; train again or restore the file") from None

    def read_header(self, name: str = RUN_FILE) -> dict[str, Any]:
        """Return the content of ``run.json``, whatever its version and its checksum.

        Raises:
            CheckpointError: if it is missing or damaged.
        """
        found = self._document(name)
        return found if isinstance(found, dict) else {}

    @property
    def saved_at(self) -> float:
        """When the model was saved, in seconds since the epoch."""
        return self._place(MODEL_FILE).stat().st_mtime

    def _document(self, name: str) -> Any:
        data = self._bytes(name, MAX_RUN_FILE)
        try:
            return self._parsed(name, data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{self.path / name} cannot be read: {error}") from None

    def read_run(self) -> dict[str, Any]:
        """Return the content of ``run.json`` in the present format version.

        Raises:
            CheckpointError: if it is missing, damaged or of an unknown version.
        """
        path = self.path / RUN_FILE
        found = self._document(RUN_FILE)
        run = migrated(found)
        if run is None:
            version = json.dumps(found.get("format_version"))[:40] if isinstance(found, dict) else None
            raise CheckpointError(
                f"{path} has format version {'None' if version in (None, 'null') else version}; this seqkit reads "
                f"versions 1 to {FORMAT_VERSION}; use the seqkit version named in it, or train again"
            )
        if fault := header_fault(run):
            raise CheckpointError(f"{path} is damaged: {fault}; train again or restore the file")
        if self.verify and (run["sha256"] or found["format_version"] == FORMAT_VERSION) and not is_intact(run):
            raise CheckpointError(
                f"{path} is damaged or was changed: its SHA-256 is not the one in it; restore the file, train again, "
                f"or load it as it is with {setting_ref('verify', False)}"
            )
        return run

    def read_description(self) -> dict[str, Any]:
        """Return the content of ``run.json``, with all that describes a run.

        Raises:
            CheckpointError: if it is missing, damaged or of an unknown version, or a part is missing.
        """
        run = self.read_run()
        if missing := [name for name in ("task", "settings", "corpus", "versions") if name not in run]:
            message = f"{self.path / RUN_FILE} is damaged: it has no {missing[0]!r}; train again or restore the file"
            raise CheckpointError(message)
        return run

    def read_index(self, name: str = MODEL_FILE) -> "dict[str, Stored]":
        """Return what tensors are in a safetensors file, without reading them.

        Raises:
            CheckpointError: if it is missing or damaged.
        """
        from seqkit.runs.weights import WeightsError, read_index

        with self._opened(name) as file:
            try:
                return read_index(file)
            except (OSError, WeightsError) as error:
                raise CheckpointError(
                    f"{self.path / name} is damaged: {error}; train again or restore the file"
                ) from None

    def read_tensors(self, name: str = MODEL_FILE) -> "tuple[dict[str, Tensor], dict[str, str]]":
        """Return the tensors of a safetensors file, and its metadata.

        Raises:
            CheckpointError: if it is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        self.read_index(name)
        with self._opened(name) as opened:
            try:
                if self.verify:
                    self._compare(name, hashlib.file_digest(opened, "sha256").hexdigest())
                with safe_open(self._place(name), framework="pt") as file:
                    tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                    metadata = file.metadata() or {}
                if not os.path.samestat(os.fstat(opened.fileno()), self._place(name).stat()):
                    raise CheckpointError(f"{self.path / name} was replaced while it was read; try again")
            except (OSError, SafetensorError) as error:
                raise CheckpointError(
                    f"{self.path / name} is damaged: {error}; train again or restore the file"
                ) from None
        return tensors, metadata

    def read_resume(self) -> "tuple[dict[str, Tensor], dict[str, Any]]":
        """Return the tensors and values of an unfinished training run.

        Raises:
            CheckpointError: if there is none, or it is damaged or of another version.
        """
        self.check_can_resume()
        tensors, metadata = self.read_tensors(RESUME_FILE)
        version = metadata.get("version")
        if version != str(RESUME_VERSION):
            raise CheckpointError(
                f"{self.path / RESUME_FILE} has version {version}; this seqkit resumes version {RESUME_VERSION}; "
                "resume with the seqkit version in run.json, or train again"
            )
        with suppress(KeyError, ValueError, RecursionError):
            values = json.loads(metadata["state"])
            if isinstance(values, dict):
                return tensors, values
        raise CheckpointError(f"{self.path / RESUME_FILE} has no training state; train again")

    def check_can_resume(self) -> None:
        """Make sure that there is an unfinished training run.

        Raises:
            CheckpointError: if there is none.
        """
        if not self.can_resume:
            state = "its training has finished" if self.has_model else "it is not a run"
            raise CheckpointError(f"{self.path} cannot be resumed: {state}")
