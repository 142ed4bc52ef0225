"""The models at pictures that one mechanism alone decides, and what surrounds the models."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cogview_cli.textcheck import extra
from cogview_cli.textcheck.checker import TextChecker
from cogview_cli.textcheck.compare import TextResult
from cogview_cli.textcheck.reader import Reader
from cogview_cli.textcheck.reading import Look
from tests.bench import drawn

pytestmark = pytest.mark.skipif(
    not (extra.available() and drawn.have_fonts()), reason="needs the extra 'ocr' and the fonts"
)
SIZE = (768, 768)
SANS, SERIF = 0, 1


def poster(path: Path, text: str, face: int, seed: int, *, upright: bool = False) -> Path:
    """A busy picture with `text` in letters of 88 pixels."""
    rng = random.Random(seed)
    scene = drawn.background(rng, SIZE)
    layer = drawn.lettering(text, drawn.fonts(text)[face], 88, SIZE, upright=upright)
    drawn.place(scene, layer, rng)
    scene.save(path, compress_level=1)
    return path


def judged(posters: list[Path], wanted: list[str]) -> list[TextResult]:
    async def all_of_them() -> list[TextResult]:
        async with TextChecker() as checker:
            return [
                await checker.check(path, [text])
                for path, text in zip(posters, wanted, strict=True)
            ]

    return asyncio.run(all_of_them())


def test_thin_strokes_at_the_ends_of_a_line_are_looked_for(tmp_path: Path) -> None:
    """The box that is found for the line ends before them."""
    texts = [("一人食", SANS, 1), ("一一的夏天", SERIF, 1), ("一一得一", SANS, 0)]
    posters = [poster(tmp_path / f"{n}.png", *each) for n, each in enumerate(texts)]
    results = judged(posters, [text for text, _face, _seed in texts])
    assert [result.missing for result in results] == [()] * 3


def test_a_scratch_where_one_is_missing_is_none(tmp_path: Path) -> None:
    """In the second picture a line of the scene is read as 一, with a confidence of 0.94."""
    posters = [poster(tmp_path / f"{face}.png", "人食", face, 1) for face in (SANS, SERIF)]
    results = judged(posters, ["一人食"] * 2)
    assert [result.missing for result in results] == [("一",)] * 2


def test_a_character_is_not_taken_for_the_one_that_its_neighbours_suggest(tmp_path: Path) -> None:
    """In the line, or column, 诲 is read as 海."""
    posters = [
        poster(tmp_path / "row.png", "上诲滩", SANS, 0),
        poster(tmp_path / "column.png", "上诲滩", SANS, 0, upright=True),
    ]
    results = judged(posters, ["上海滩"] * 2)
    assert [result.missing for result in results] == [("海→诲",)] * 2


def test_later_looks_see_the_picture_that_the_first_one_opened(tmp_path: Path) -> None:
    path = poster(tmp_path / "a.png", "福", SANS, 0)

    async def looked() -> list[str]:
        async with Reader() as reader:
            await reader.read(path, Look.QUICK)
            path.unlink()
            return [
                (await reader.read(path, look)).blocks[0].text for look in Look if look != "quick"
            ]

    assert asyncio.run(looked()) == ["福"] * 4


# Without the models


class _Engine:
    """Reads every piece as one text."""

    def __init__(self, text: str, confidences: list[float]) -> None:
        columns = [[at] for at in range(len(text))]
        words = SimpleNamespace(confs=confidences, word_cols=columns, line_txt_len=len(text))
        self.read = 0
        self._answer = text, words

    def recognize_txt(self, pieces: list[Any]) -> Any:
        self.read += len(pieces)
        text, words = self._answer
        return SimpleNamespace(txts=[text] * len(pieces), word_results=[words] * len(pieces))


@pytest.mark.parametrize(
    ("text", "confidences", "alone"),
    [("上海滩", [0.99, 0.6, 0.99], 1), ("上海滩", [0.99] * 3, 0), ("SALE", [0.3] * 4, 0),
     ("上海滩", [0.3], 0), ("上海滩" * 20, [0.3] * 60, 12)],
)  # fmt: skip
def test_characters_that_are_not_sure_are_read_alone(
    text: str, confidences: list[float], alone: int
) -> None:
    """Not letters, of which others would be seen with them; nor all of a picture full of them."""
    import numpy

    from cogview_cli.textcheck.recognition import recognize

    engine = _Engine(text, confidences)
    pieces = [numpy.zeros((40, 40 * len(text), 3))]
    assert recognize(engine, pieces, [False], keep_doubts=True)[0].text == text
    assert engine.read == 1 + alone


class _Surer(_Engine):
    """Reads the first piece without confidence, what it is asked again with."""

    def recognize_txt(self, pieces: list[Any]) -> Any:
        if self.read:
            self._answer = _Engine(self._answer[0], [0.95])._answer
        return super().recognize_txt(pieces)


@pytest.mark.parametrize(("keep_doubts", "confidence"), [(True, 0.5), (False, 0.95)])
def test_a_character_that_is_read_the_same_alone_may_stay_doubtful(
    keep_doubts: bool, confidence: float
) -> None:
    import numpy

    from cogview_cli.textcheck.recognition import recognize

    pieces = [numpy.zeros((40, 40, 3))]
    read = recognize(_Surer("福", [0.5]), pieces, [False], keep_doubts=keep_doubts)
    assert read[0].confidences == [confidence]


def test_a_box_is_lengthened_along_its_line() -> None:
    import numpy

    from cogview_cli.textcheck.boxes import is_upright, lengthened

    row = numpy.array([(100, 10), (300, 10), (300, 60), (100, 60)], numpy.float32)
    column = row[:, ::-1][[0, 3, 2, 1]]
    assert (is_upright(row), is_upright(column)) == (False, True)
    assert lengthened(row, 0.5).tolist() == [[75, 10], [325, 10], [325, 60], [75, 60]]
    assert lengthened(column, 0.5).tolist() == [[10, 75], [60, 75], [60, 325], [10, 325]]
