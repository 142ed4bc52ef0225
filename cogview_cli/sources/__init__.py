"""Prompt files as people have them, read as one stream of records for `batch`."""

from cogview_cli.sources.options import FORMATS, ReadOptions
from cogview_cli.sources.reader import Reading
from cogview_cli.sources.record import Record, RejectedRow

__all__ = ["FORMATS", "ReadOptions", "Reading", "Record", "RejectedRow"]
