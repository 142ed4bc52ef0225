"""The reader of prompt files: sources in, one stream of records out."""

from __future__ import annotations

import io
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, TextIO

from cogview_cli.errors import UsageError
from cogview_cli.i18n import _, _n
from cogview_cli.sources.detect import HEAD, detect_form, head_lines
from cogview_cli.sources.dialect import find_delimiter
from cogview_cli.sources.encoding import Encoding, find_encoding
from cogview_cli.sources.folder import folder_records, prompt_files
from cogview_cli.sources.infotext import read_infotext, read_positive
from cogview_cli.sources.json_document import DOCUMENT_LIMIT, read_json
from cogview_cli.sources.json_lines import read_jsonl
from cogview_cli.sources.opening import Source, open_sources
from cogview_cli.sources.options import ReadOptions, check_options
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.rows import Rows
from cogview_cli.sources.source_log import Seen, SourceLog
from cogview_cli.sources.spreadsheet import is_workbook, read_workbook
from cogview_cli.sources.tables import choose_dialect, read_table
from cogview_cli.sources.template import PromptTemplate
from cogview_cli.sources.texts import read_blocks, read_txt
from cogview_cli.sources.yaml_document import read_yaml
from cogview_cli.terminal.text import clean

# Forms that are found, never asked for.
_NAMED = {"infotext": "A1111 parameters", "positive": "positive: and negative:"}
Read = Callable[[TextIO, Rows], Iterator[Record | RejectedRow]]


class Reading:
    """One pass over prompt files; holds one record at a time, but for JSON and YAML.

    Raises UsageError at once for a source that cannot be read, and while reading for
    a file that cannot be used as a whole. A record that cannot be used is a `RejectedRow`.
    `logs`, one a source, `columns`, `ignored` and `secrets` fill while reading.
    """

    def __init__(
        self, sources: Sequence[str], options: ReadOptions, *, stdin: BinaryIO | None = None
    ) -> None:
        check_options(options)
        if options.template is not None:
            PromptTemplate(options.template)
        self._options = options
        self._seen = Seen()
        self.logs: list[SourceLog] = []
        self._sources = open_sources(sources, stdin)
        for source in self._sources:
            if source.copy is not None:
                weakref.finalize(self, source.copy.close)

    @property
    def files(self) -> list[str]:
        """The sources as they were given."""
        return [source.file for source in self._sources]

    @property
    def forms(self) -> list[str]:
        """The form of each source, for people."""
        return [log.form for log in self.logs]

    @property
    def columns(self) -> list[str]:
        """The names of the first 50 columns, in order."""
        return self._seen.columns

    @property
    def ignored(self) -> Counter[str]:
        """Fields CogView has no equivalent for, and how many rows set them."""
        return self._seen.ignored

    @property
    def secrets(self) -> Counter[str]:
        """Columns named like secrets, which no record keeps, and how many rows have them."""
        return self._seen.secrets

    def __iter__(self) -> Iterator[Record | RejectedRow]:
        for source in self._sources:
            rows = Rows(source.file, self._options, self._seen)
            self.logs.append(rows.log)
            try:
                yield from self._folder(source, rows) if source.folder else self._file(source, rows)
            except OSError as error:
                raise _unreadable(rows.file, error) from None
            except UnicodeDecodeError:
                raise UsageError(
                    _("'{path}' changed while it was read", path=clean(source.file)),
                    hint=_("run it again"),
                ) from None
            rows.finish()

    def _folder(self, source: Source, rows: Rows) -> Iterator[Record | RejectedRow]:
        names = prompt_files(source.file)
        rows.log.form = _n("folder of {count} file", "folder of {count} files", len(names))
        return folder_records(source.file, names, rows)

    def _file(self, source: Source, rows: Rows) -> Iterator[Record | RejectedRow]:
        with source.open() as binary:
            if is_workbook(binary):
                rows.log.form = _("workbook")
                yield from read_workbook(binary, rows, self._options.sheet)
                return
            encoding = find_encoding(binary, source.file, self._options.encoding)
            # Only a line feed ends a line, and none is translated; but in old files CR does.
            newline = None if _ends_in_cr(binary, encoding) else "\n"
            binary.seek(0)
            with io.TextIOWrapper(binary, encoding=encoding.codec, newline=newline) as text:
                form = self._options.format or detect_form(text, source.file)
                if form in ("json", "yaml"):
                    _check_document(binary, source.file, form)
                yield from self._reader(form, text, encoding, rows.log)(text, rows)

    def _reader(self, form: str, text: TextIO, encoding: Encoding, log: SourceLog) -> Read:
        """The reader for a form; notes the form for people."""
        comments = self._options.comments
        if form in ("csv", "tsv"):
            return self._table_reader(form, text, encoding, log)
        log.form = _described(_NAMED.get(form, form), encoding.shown)
        readers: dict[str, Read] = {
            "txt": lambda stream, rows: read_txt(stream, rows, comments=comments),
            "blocks": lambda stream, rows: read_blocks(stream, rows, comments=comments),
            "jsonl": lambda stream, rows: read_jsonl(stream, rows, comments=comments),
            "infotext": read_infotext,
            "positive": read_positive,
            "json": read_json,
            "yaml": read_yaml,
        }
        return readers[form]

    def _table_reader(self, form: str, text: TextIO, encoding: Encoding, log: SourceLog) -> Read:
        head = head_lines(text)
        tabs = form == "tsv" and (self._options.format == "tsv" or "\t" in head[0])
        dialect = choose_dialect(text, "\t" if tabs else find_delimiter(head))
        quotes = "" if dialect.quoted else _("quotes as they are")
        shown = "tsv" if dialect.delimiter == "\t" else "csv"
        log.form = _described(shown, encoding.shown, dialect.shown, quotes)
        return lambda stream, rows: read_table(stream, rows, dialect)


def _described(form: str, *details: str) -> str:
    said = _(", ").join(detail for detail in details if detail)
    return f"{form} ({said})" if said else form


def _ends_in_cr(binary: BinaryIO, encoding: Encoding) -> bool:
    """Whether lines end as on old Macs: the beginning has CR and no LF."""
    binary.seek(0)
    head = binary.read(HEAD).decode(encoding.codec, "ignore")
    return "\r" in head.removesuffix("\r") and "\n" not in head


def _unreadable(file: str, error: OSError) -> UsageError:
    return UsageError(
        _("cannot read '{path}': {reason}", path=clean(file), reason=_(str(error.strerror))),
        hint=_("check the path"),
    )


def _check_document(binary: BinaryIO, file: str, form: str) -> None:
    """Raises UsageError for a document too large to be held as a whole."""
    place = binary.tell()
    size = binary.seek(0, io.SEEK_END)
    binary.seek(place)
    if size > DOCUMENT_LIMIT:
        hint = _("split it")
        if form == "json":
            hint = _("one object a line: jq -c '.[]' {file} > {file}.jsonl", file=clean(file))
        limit = DOCUMENT_LIMIT // 2**20
        raise UsageError(
            _("'{path}' is larger than {limit} MiB", path=clean(file), limit=limit), hint=hint
        )
