"""/docs: Swagger UI out of a package, so that it works without internet; and what each problem means."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from importlib.resources import files

from fastapi import FastAPI, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from .problem_kinds import ADDRESS, KINDS, ProblemKind

_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
section { margin: 1rem 0; padding: 0.25rem 1rem; border-left: 4px solid transparent; }
section:target { border-color: currentcolor; }
h2 { margin-bottom: 0; font-size: 1.1rem; }
h2 a { color: inherit; }
p { margin: 0.25rem 0; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# A page of text, which may load nothing; its icon is none.
_TEXT_ALONE = "; ".join(
    [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


def add_documentation(app: FastAPI) -> None:
    """Add /docs and what it loads. All addresses are relative: a stage or a base path may stand in front."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="docs/favicon.png",
        )
        # A token is given to it, and pages of the same origin keep theirs no longer than their tab.
        page.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return page

    @app.get(ADDRESS, include_in_schema=False)
    async def problems() -> HTMLResponse:
        return HTMLResponse(
            _problems(), headers={"Content-Security-Policy": _TEXT_ALONE, "Cache-Control": "max-age=86400"}
        )

    @app.get("/docs/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in _MEDIA_TYPES:
            raise HTTPException(404, "No such file.")
        return Response(
            _read(name), media_type=_MEDIA_TYPES[name], headers={"Cache-Control": "max-age=86400"}
        )


@cache
def _problems() -> str:
    """The page that the `type` of a problem leads to."""
    sections = "".join(_section(code, kind) for code, kind in KINDS.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Problems</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<h1>Problems</h1>
<p>What each <code>code</code> means, why it comes, and what to do.</p>
{sections}</body>
</html>
"""


def _section(code: str, kind: ProblemKind) -> str:
    cause, remedy = _with_code(kind.cause), _with_code(kind.remedy)
    heading = f'<a href="#{code}"><code>{code}</code></a> {_with_code(kind.title)}'
    return f'<section id="{code}">\n<h2>{heading}</h2>\n<p>{cause}</p>\n<p>{remedy}</p>\n</section>\n'


def _with_code(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


@cache
def _read(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
