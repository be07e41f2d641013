"""Every refusal becomes application/problem+json in the language the caller asked for.

Invalid 422 · NotFound 404 · Conflict 409 · Denied 401/403 · TooLarge 413/429 · Unavailable 503;
what is no refusal is 500 internal_error, logged with its traceback and told without it.
"""

import json
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from identity.errors import (
    CityError,
    Conflict,
    Denied,
    Invalid,
    NotFound,
    TooLarge,
    Unavailable,
    render,
)
from identity.schemes import mask

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

_TITLES = {
    400: ("Bad request", "请求有误"),
    401: ("Who are you?", "需要身份验证"),
    403: ("Not allowed", "无权限"),
    404: ("Not found", "未找到"),
    405: ("Method not allowed", "不支持该方法"),
    408: ("Too slow", "等待超时"),
    409: ("Conflict", "状态冲突"),
    410: ("Gone", "已不存在"),
    412: ("Other version", "版本不符"),
    413: ("Too large", "超出上限"),
    416: ("Range not satisfiable", "范围无效"),
    415: ("Other media type", "媒体类型不符"),
    422: ("Invalid input", "输入无效"),
    423: ("In use", "正被占用"),
    429: ("Too many requests", "请求过多"),
    460: ("Checksum mismatch", "校验和不符"),
    500: ("Internal error", "内部错误"),
    503: ("Not available", "暂不可用"),
}

_STATUS: dict[type[CityError], int] = {
    Invalid: 422,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Unavailable: 503,
}

_PROTOCOL = {
    "upload_header": 400,
    "upload_stalled": 408,
    "upload_expired": 410,
    "upload_handed": 410,
    "upload_version": 412,
    "upload_media": 415,
    "upload_busy": 423,
    "upload_checksum": 460,
}
"""What the protocol of resumable uploads (tus 1.0) answers to refusals of its own."""

_FRAMEWORK_CODES = {404: "route_unknown", 405: "method_not_allowed", 413: "body_too_large"}

_log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem."""
    app.add_exception_handler(CityError, _city_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def status_of(error: CityError) -> int:
    """Return the HTTP status of a refusal."""
    if error.code in _PROTOCOL:
        return _PROTOCOL[error.code]
    if isinstance(error, Denied):
        return 403 if error.facts.get("authenticated") else 401
    if isinstance(error, TooLarge) and error.facts.get("rate"):
        return 429
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)


def language(accept: str) -> str:
    """Return "zh" when Accept-Language prefers Chinese to English, else "en" (RFC 9110 12.5.4)."""
    best, chosen = 0.0, "en"
    for part in accept.split(","):
        name, _, weight = part.partition(";q=")
        lang = name.strip().lower()[:2]
        quality = _quality(weight)
        if lang in {"zh", "en"} and quality > best:
            best, chosen = quality, lang
    return chosen


def wire(code: str, facts: dict[str, Any], lang: str, status: int) -> dict[str, Any]:
    """Return the problem document (RFC 9457) of an error code."""
    message, hint = render(code, facts, lang)
    title = _TITLES.get(status, _TITLES[500])[["en", "zh"].index(lang)]
    return {
        "type": f"urn:wanwu-twin:error:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": message,
        "hint": hint,
        "facts": facts,
    }


def problem(error: CityError, lang: str) -> Response:
    """Return the answer to a refusal."""
    status = status_of(error)
    return _answer(wire(error.code, error.facts, lang, status))


def _answer(body: dict[str, Any]) -> Response:
    headers = {}
    if body["status"] in {429, 503}:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if body["status"] == 401:  # noqa: PLR2004 - the status is its own name
        headers["WWW-Authenticate"] = 'Bearer realm="twin"'
    content = json.dumps(body, ensure_ascii=False, default=str)
    return Response(content, body["status"], headers, MEDIA_TYPE)


def _lang(request: Request) -> str:
    return language(request.headers.get("accept-language", ""))


async def _city_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CityError)
    return problem(error, _lang(request))


async def _validation_error(request: Request, error: Exception) -> Response:
    """Say the first fault in a sentence and keep all of them as facts."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"]), "reason": fault["msg"]}
        for fault in error.errors()[:20]
    ]
    facts = {**faults[0], "faults": faults}
    return _answer(wire("request_invalid", facts, _lang(request), 422))


async def _http_error(request: Request, error: Exception) -> Response:
    """Turn what the framework refuses (404, 405, malformed bodies) into the same shape."""
    assert isinstance(error, HTTPException)
    code = _FRAMEWORK_CODES.get(error.status_code, "http_refused")
    facts = {"path": mask(request.url.path), "method": request.method, "reason": str(error.detail)}
    if code == "body_too_large":
        facts["limit"] = request.app.state.door.settings.body_bytes_max
    return _answer(wire(code, facts, _lang(request), error.status_code))


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=mask(request.url.path), exc_info=error)
    return _answer(wire("internal_error", {"kind": type(error).__name__}, _lang(request), 500))


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
