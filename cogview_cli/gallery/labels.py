"""The page's own words, in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from cogview_cli.gallery.items import ItemStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Every word of the page that is not data; `{}` holes take numbers."""

    lang: str
    images: str
    images_one: str
    paid: str
    status: dict[ItemStatus, str]
    every: str
    wrong_text: str
    wanted: str
    found: str
    search: str
    search_plain: str
    none_match: str
    keys: str
    model: str
    size: str
    quality: str
    cost: str
    created: str
    filters: str
    level: str
    file: str
    copy: str
    copied: str
    close: str
    previous: str
    next: str
    no_prompt: str
    made_by: str


ENGLISH = Labels(
    lang="en",
    images="{} images",
    images_one="1 image",
    paid="{} paid",
    status={
        ItemStatus.SAVED: "Saved",
        ItemStatus.REFUSED: "Refused",
        ItemStatus.FAILED: "Failed",
        ItemStatus.UNKNOWN: "Unknown",
        ItemStatus.UNSAVED: "Paid, not saved",
        ItemStatus.EXPIRED: "Expired",
    },
    every="All",
    wrong_text="Wrong text",
    wanted="Text wanted",
    found="Text found",
    search="Filter by prompt, file or model",
    search_plain="Filter by prompt",
    none_match="Nothing matches.",
    keys="/ filter · arrows or j k move · Enter opens · Esc closes",
    model="Model",
    size="Size",
    quality="Quality",
    cost="Cost",
    created="Created",
    filters="Content filter (0 is most severe)",
    level="level {}",
    file="File",
    copy="Copy prompt",
    copied="Copied",
    close="Close",
    previous="Previous",
    next="Next",
    no_prompt="No prompt is known",
    made_by="Made with cogview",
)
CHINESE = Labels(
    lang="zh",
    images="{} 张图片",
    images_one="1 张图片",
    paid="已支付 {}",
    status={
        ItemStatus.SAVED: "已保存",
        ItemStatus.REFUSED: "被拒绝",
        ItemStatus.FAILED: "失败",
        ItemStatus.UNKNOWN: "结果未知",
        ItemStatus.UNSAVED: "已付费，未保存",
        ItemStatus.EXPIRED: "已过期",
    },
    every="全部",
    wrong_text="文字有误",
    wanted="应有文字",
    found="识别到的文字",
    search="按提示词、文件名或模型筛选",
    search_plain="按提示词筛选",
    none_match="没有匹配的内容。",
    keys="/ 筛选 · 方向键或 j k 移动 · Enter 打开 · Esc 关闭",
    model="模型",
    size="尺寸",
    quality="质量",
    cost="费用",
    created="时间",
    filters="内容过滤（0 最严重）",
    level="{} 级",
    file="文件",
    copy="复制提示词",
    copied="已复制",
    close="关闭",
    previous="上一张",
    next="下一张",
    no_prompt="没有提示词",
    made_by="由 cogview 生成",
)
