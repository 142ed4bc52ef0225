"""The names that columns go by, in English and Chinese. Pure.

Names are compared without case, width and unit: `aspectRatio`, `Aspect Ratio` and
`aspect-ratio` are `aspect_ratio`, `尺寸（px）` is `尺寸`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNIT = re.compile(r"(?<=\S)\s*[(\[【][^()\[\]【】]*[)\]】]\s*$")
_BREAKS = re.compile(r"[\s_\-]+")

FOLDER_NAMES = ("out", "output", "output_path")
ROLES: dict[str, tuple[str, ...]] = {
    "id": (
        "id", "prompt_id", "item_id", "custom_id", "pid", "uid", "index", "编号", "序号", "编码",
    ),
    "name": (
        *FOLDER_NAMES, "output_filename", "filename", "file_name", "image_name", "name",
        "文件名", "文件名称", "图片名", "图片名称", "名称", "输出文件名",
    ),
    "size": (
        "size", "image_size", "img_size", "output_size", "尺寸", "图片尺寸", "图像尺寸",
        "画面尺寸", "图片大小", "图像大小",
    ),
    "ratio": (
        "aspect_ratio", "ar", "ratio", "aspect", "image_ratio", "比例", "宽高比", "长宽比",
        "纵横比", "横纵比", "画面比例", "图片比例", "画幅", "画幅比例", "尺寸比例",
    ),
    "resolution": (
        "resolution", "image_resolution", "dimension", "dimensions", "分辨率", "大小", "规格",
    ),
    "quality": (
        "quality", "image_quality", "质量", "画质", "图片质量", "图像质量",
    ),
    "model": ("model", "model_name", "model_id", "模型", "模型名", "模型名称"),
    "user_id": ("user_id", "用户id", "用户_id", "用户编号"),
    "watermark": ("watermark", "watermark_enabled", "水印", "加水印", "是否加水印"),
    "count": (
        "n", "count", "num_images", "number_of_images", "image_count", "images_count",
        "num_outputs", "num_samples", "n_iter", "n_images", "数量", "张数", "图片数量", "图像数量",
        "生成数量", "生成张数", "图片张数",
    ),
}  # fmt: skip
# What the picture should say, where that is looked at; else any other column.
LETTERING = ("text", "文字", "标题文字", "图上文字", "画面文字", "lettering")
WIDTHS = ("width", "w", "image_width", "img_width", "宽", "宽度", "图片宽度", "图像宽度")
HEIGHTS = ("height", "h", "image_height", "img_height", "高", "高度", "图片高度", "图像高度")
# What other generators take and CogView has no equivalent for.
IGNORED = frozenset({
    "seed", "seeds", "subseed", "subseed_strength", "negative_prompt", "negative", "no",
    "steps", "num_inference_steps", "cfg_scale", "cfg", "guidance", "guidance_scale",
    "style", "styles", "style_preset", "stylize", "chaos", "weird", "sref", "cref", "oref",
    "sampler", "sampler_name", "sampler_index", "scheduler", "clip_skip", "eta", "sd_model",
    "loras", "lora", "strength", "denoising_strength", "restore_faces", "tiling", "tile",
    "seed_resize_from_h", "seed_resize_from_w", "outpath_samples", "outpath_grids",
    "do_not_save_samples", "do_not_save_grid", "prompt_for_display", "q", "iw", "version",
    "image", "images", "init_image", "input_image", "ref_images", "reference_images", "mask",
    "background", "output_format", "output_compression", "output_dir", "response_format",
    "moderation", "反向提示词", "负面提示词", "负向提示词", "种子", "随机种子", "风格",
    "schedule_type", "model_hash", "hires_upscale", "hires_upscaler", "参考图",
})  # fmt: skip

# Every name that holds one of these may be the prompt …
_PROMPT = re.compile(r"prompt|提示词|提示语|绘画(?:描述|内容|指令|词|语)?$")
# … but for the prompts of something else, and for what only tells about a prompt.
_OTHER = re.compile(
    r"(?:^|_)(?:n|neg|negative|no|uncond|unconditional|system|video|audio|music|voice|speech|sound|motion|judge|eval"
    r"|question|answer)(?:_|$)|反向|负面|负向|反面|否定|视频|音乐|音频|配音|系统"
)
_ABOUT = re.compile(
    r"prompts?_?(?:ids?|uid|lengths?|len|tokens?|counts?|number|num|index|idx|types?|category|class|"
    r"labels?|source|src|lang|language|nsfw|hash|sha256|md5|scores?|strength|weights?|style|"
    r"version|name|title|author|url|path|file|filename|date|time|created|size|split|set|"
    r"template|tags?|level|difficulty|kind|group|topic|theme|rating)$"
    r"|(?:提示词|提示语)(?:的)?(?:编号|长度|字数|类型|类别|分类|来源|语言|版本|序号|id|标签|数量|评分"
    r"|名称|标题|作者)$"
)
# The next best: these describe a picture as well as what is on sale.
_WEAK = re.compile(
    r"(?:(?:image|img|picture|visual|scene|long|short|detailed|full)_)*"
    r"(?:captions?|descriptions?|desc)(?:_(?:zh|cn|en))?|text"
    r"|(?:(?:画面|图片|图像|场景|详细|中文|英文)的?)?描述词?|画面|画面内容|图片内容|文本"
)
_LANGUAGES = {
    "zh": re.compile(r"_(?:zh|cn|chinese|zh_cn)$|中文|汉语"),
    "en": re.compile(r"_(?:en|english|en_us)$|英文|英语"),
}
_SETTING = re.compile(
    r"(?:^|_)(?:sizes?|resolution|ratio|aspect|width|height|dimensions?|quantity|qty|count|quality"
    r"|model|filename|watermark)(?:_|$)"
    r"|尺寸|大小|分辨率|比例|宽度|高度|数量|张数|质量|品质|画质|清晰度|模型|文件名|水印|规格|画幅"
)


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """A column name as it is compared."""
    plain = unicodedata.normalize("NFKC", name).strip(" *:\t\r\n")
    words = _BREAKS.split(_CAMEL.sub("_", _UNIT.sub("", plain)).lower())
    return "_".join(word for word in words if word) or name


def holds_prompt(key: str) -> bool:
    """Whether a normal name says that its column is the prompt of a picture."""
    said = _PROMPT.search(key) and not _OTHER.search(key) and not _ABOUT.search(key)
    return bool(said) and key not in IGNORED


def describes(key: str) -> bool:
    """Whether a normal name may be a prompt where none says so: a caption, a description."""
    return bool(_WEAK.fullmatch(key))


def in_language(key: str, lang: str) -> bool:
    """Whether a normal name says that its column is in this language."""
    return bool(_LANGUAGES["zh" if lang == "cn" else lang].search(key))


def is_telling(key: str) -> bool:
    """Whether a normal name is that of a prompt column and nothing else, even in prose."""
    return holds_prompt(key) and " " not in key and len(key) <= 24


def looks_like_setting(key: str) -> bool:
    """Whether a normal name of no role seems to say something about size, count or model."""
    return bool(_SETTING.search(key))


def is_setting(key: str) -> bool:
    """Whether a normal name says how a picture is made, or seems to."""
    alias = any(key in names for role, names in ROLES.items() if role not in ("id", "name"))
    return alias or key in (*WIDTHS, *HEIGHTS) or looks_like_setting(key)
