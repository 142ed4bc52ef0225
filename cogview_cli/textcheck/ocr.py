"""RapidOCR at one picture. Only the worker imports this, for it takes a second and 300 MB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import rapidocr
from rapidocr.main import RapidOCR, RapidOCRError

from cogview_cli.disk.unreadable import why_unreadable
from cogview_cli.i18n.stored_messages import Message, StoredError
from cogview_cli.pillow import DECODERS, open_image
from cogview_cli.textcheck.reading import Look

if TYPE_CHECKING:
    from PIL import Image

PIXEL_LIMIT = 2**25
# Pixels of the longest side at which text is looked for; it is read at full size. More takes
# longer, and finds less of large letters: with 2048 the models miss 一 and take 750 MB.
_SIDES = {Look.QUICK: 640, Look.THOROUGH: 960, Look.GREY: 640}
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
    """The models, loaded once."""

    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._engine: Any = RapidOCR(params=_PARAMETERS)

    def read(self, path: Path, look: Look) -> dict[str, Any]:
        """The answer to a request: `blocks` as [text, box, confidences].

        StoredError for a picture that cannot be opened or decoded.
        """
        try:
            picture = _opened(path)
        except Exception as error:
            raise StoredError(why_unreadable(error)) from error
        if look is Look.GREY:
            picture = picture.convert("L").convert("RGB")
        self._look_for_text_at(_SIDES[look])
        return {"blocks": self._blocks(numpy.asarray(picture)[:, :, ::-1])}

    def _look_for_text_at(self, side: int) -> None:
        self._engine.cfg.Det.limit_side_len = side
        if self._engine.text_det is not None:  # it is loaded with the first picture
            self._engine.text_det.limit_side_len = side

    def _blocks(self, pixels: Any) -> list[list[Any]]:
        try:
            pieces, found = self._engine.detect_and_crop(numpy.ascontiguousarray(pixels), {})
            read = self._engine.recognize_txt(pieces)
        except RapidOCRError:  # nothing is there
            return []
        return [
            [text, box.tolist(), list(words.confs or [])]
            for text, box, words in zip(read.txts, found.boxes, read.word_results, strict=True)
            if text.strip()
        ]


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
