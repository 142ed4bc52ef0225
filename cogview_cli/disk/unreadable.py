"""Why a picture cannot be read, in our words: a decoder's own mean nothing to people."""

from __future__ import annotations

from cogview_cli.i18n.stored_messages import Message, StoredError


def why_unreadable(error: Exception) -> Message:
    """What an error of opening or decoding a picture means.

    Decoders raise anything from SyntaxError to struct.error on damaged data.
    """
    if isinstance(error, StoredError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return Message.said(error.strerror)
    # By name: a process that only passes the words on does without Pillow.
    if type(error).__name__ == "UnidentifiedImageError":
        return Message.of("picture-unknown")
    if isinstance(error, MemoryError):
        return Message.of("picture-memory")
    if "truncated" in str(error):
        return Message.of("picture-cut")
    return Message.of("picture-damaged")
