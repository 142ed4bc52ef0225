"""Prompt files as people have them, read as one stream of records for `batch`."""

from cogview_cli.sources.columns import find_column
from cogview_cli.sources.options import FORMATS, ReadOptions
from cogview_cli.sources.reader import Reading
from cogview_cli.sources.record import Record, RejectedRow
from cogview_cli.sources.source_log import SourceLog
from cogview_cli.sources.values import without_image_suffix

__all__ = [
    "FORMATS",
    "ReadOptions",
    "Reading",
    "Record",
    "RejectedRow",
    "SourceLog",
    "find_column",
    "without_image_suffix",
]
