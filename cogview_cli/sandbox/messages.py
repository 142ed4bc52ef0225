"""Error bodies as the vendor writes them (cogview_cli/api/README.md#error-codes)."""

from __future__ import annotations

import json

from cogview_cli.api.error_codes import CODES

CHINESE = {
    "500": "内部错误",
    "1000": "身份验证失败",
    "1001": "请求头中没有收到身份验证参数",
    "1002": "令牌非法，请检查后重试",
    "1003": "令牌已过期，请重新获取",
    "1004": "令牌验证未通过",
    "1005": "该账号需要二次登录验证",
    "1100": "账户读写异常",
    "1110": "账户未激活，请检查账户信息",
    "1111": "账户不存在",
    "1112": "账户已被锁定，请联系客服解锁",
    "1113": "余额不足或无可用资源包,请充值。",
    "1120": "暂时无法访问账户，请稍后重试",
    "1121": "账户因违规被封禁",
    "1200": "接口调用失败",
    "1210": "接口调用参数有误，请检查文档",
    "1211": "模型不存在，请检查模型代码",
    "1212": "当前模型不支持该调用方式",
    "1213": "未收到必需的参数",
    "1214": "参数非法，请检查文档",
    "1215": "两个参数不能同时设置",
    "1220": "您无权访问该接口",
    "1221": "接口已下线",
    "1222": "接口不存在",
    "1230": "接口调用流程出错",
    "1231": "已有相同编号的请求",
    "1234": "网络错误，错误编号：sandbox",
    "1261": "提示词超长",
    "1300": "接口调用被策略阻止",
    "1301": "系统检测到输入或生成内容可能包含不安全或敏感内容，请更换提示词",
    "1302": "您的账户已达到速率限制，请控制请求频率",
    "1303": "接口调用频率过高，请降低频率后重试",
    "1304": "今日调用次数已达上限",
    "1305": "该模型当前访问量过大，请稍后再试",
    "1308": "已达到使用上限，额度将在 2030-01-01 00:00:00 重置",
    "1309": "编程套餐已到期",
    "1310": "已达到每周使用上限，额度将在 2030-01-01 00:00:00 重置",
    "1311": "当前套餐不含该模型",
    "1312": "模型繁忙，请换用其他模型",
    "1313": "账户使用模式不符合公平使用政策，请求受限",
}
_OTHER = "请求未通过"
_FILTERED = {"1300", "1301"}


def message(code: str, *, english: bool = False) -> str:
    """The text of a code in one of the vendor's two languages."""
    return CODES[code].meaning if english else CHINESE.get(code, _OTHER)


def wants_english(headers: dict[str, str]) -> bool:
    """Whether Accept-Language asks for English; Chinese is the default."""
    return headers.get("accept-language", "").strip().lower().startswith("en")


def error_body(code: str, text: str) -> bytes:
    """The envelope; a refusal by policy also says which side it concerns."""
    body: dict[str, object] = {"error": {"code": code, "message": text}}
    if code in _FILTERED:
        body = {"contentFilter": [{"level": 1, "role": "user"}], **body}
    return json.dumps(body, ensure_ascii=False).encode()
