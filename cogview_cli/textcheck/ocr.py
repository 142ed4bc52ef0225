"""RapidOCR at one picture. Only the worker imports this, for it takes a second and 300 MB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy
import rapidocr
from rapidocr.main import RapidOCR, RapidOCRError

from cogview_cli.disk.unreadable import why_unreadable
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.pillow import DECODERS, open_image
from cogview_cli.textcheck.boxes import is_upright, lengthened
from cogview_cli.textcheck.reading import Look
from cogview_cli.textcheck.recognition import recognize

if TYPE_CHECKING:
    from PIL import Image

PIXEL_LIMIT = 2**25
# Pixels of the longest side at which text is looked for; it is read at full size. More takes
# longer, and finds less of large letters: with 2048 the models miss 一 and take 750 MB.
_SIDE, _THOROUGH_SIDE = 640, 960
# A thin stroke at the end of a line (一, 1, l) is often left out of its box: so many heights of
# the line are looked at beyond each end. Farther away there are more scratches that look like one.
_BEYOND = {Look.WIDE: 0.6, Look.WIDER: 1.6}
_MODELS = Path(rapidocr.__file__).parent / "models"
_BACKGROUND = (128, 128, 128, 255)
_PARAMETERS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.use_preprocess_img": False,
    "Global.use_vertical_padding": False,
    "Global.return_word_box": True,
    # A path that is given is never downloaded.
    "Det.model_path": str(_MODELS / "PP-OCRv6_det_small.onnx"),
    "Rec.model_path": str(_MODELS / "PP-OCRv6_rec_small.onnx"),
    "Det.limit_type": "max",
    "Det.box_thresh": 0.4,
    "Rec.rec_batch_num": 1,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class Ocr:
    """The models, loaded once, and the picture that is looked at."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._engine: Any = RapidOCR(params=_PARAMETERS)
        self._path: Path | None = None
        self._pixels: Any = None
        self._quick: list[Any] | None = None

    def read(self, path: Path, look: Look) -> dict[str, Any]:
        """The answer to a request: `blocks` as [text, box, confidences].

        The first look opens the picture; those that follow see the same one. StoredError for a
        picture that cannot be opened or decoded.
        """
        if look is Look.QUICK or path != self._path:
            self._open(path)
        pixels = _grey(self._pixels) if look is Look.GREY else self._pixels
        boxes = self._places(pixels, look)
        # What the first look says counts; the others are asked what they are sure of.
        return {"blocks": self._blocks(pixels, boxes, keep_doubts=look is Look.QUICK)}

    def _open(self, path: Path) -> None:
        self._path = self._pixels = self._quick = None
        try:
            picture = _opened(path)
        except Exception as error:
            raise StoredError(why_unreadable(error)) from error
        self._pixels = numpy.ascontiguousarray(numpy.asarray(picture)[:, :, ::-1])
        self._path = path

    def _places(self, pixels: Any, look: Look) -> list[Any]:
        """Where this look finds text: four corners each, float32, clockwise."""
        if look is Look.THOROUGH:
            return self._boxes(pixels, _THOROUGH_SIDE)
        if look is Look.GREY:
            return self._boxes(pixels, _SIDE)
        if self._quick is None:
            self._quick = self._boxes(pixels, _SIDE)
        beyond = _BEYOND.get(look)
        return [lengthened(box, beyond) for box in self._quick] if beyond else self._quick

    def _boxes(self, pixels: Any, side: int) -> list[Any]:
        """Where text stands, at that many pixels of the longest side: four corners each."""
        self._engine.cfg.Det.limit_side_len = side
        if self._engine.text_det is not None:  # it is loaded with the first picture
            self._engine.text_det.limit_side_len = side
        try:
            return list(self._engine.detect_and_crop(pixels, {})[1].boxes)
        except RapidOCRError:  # nothing is there
            return []

    def _blocks(self, pixels: Any, boxes: list[Any], *, keep_doubts: bool) -> list[list[Any]]:
        pieces = self._engine.crop_text_regions(pixels, boxes)
        upright = [is_upright(box) for box in boxes]
        lines = recognize(self._engine, pieces, upright, keep_doubts=keep_doubts)
        return [
            [line.text, box.tolist(), line.confidences]
            for line, box in zip(lines, boxes, strict=True)
            if line.text.strip()
        ]


def _grey(pixels: Any) -> Any:
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def _opened(path: Path) -> Image.Image:
    """The picture as red, green and blue; what is transparent lies on grey."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the check below is an error, and for every format
    with open_image(path, DECODERS) as image:
        if image.width * image.height > PIXEL_LIMIT:
            pixels = f"{image.width}x{image.height}"
            raise StoredError(Message.of("too-many-pixels", pixels=pixels))
        turned = ImageOps.exif_transpose(image)
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        layer = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", layer.size, _BACKGROUND), layer)
    return turned.convert("RGB")
