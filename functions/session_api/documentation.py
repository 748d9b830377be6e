"""/docs: Swagger UI out of a package, so that it works without internet."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import FastAPI, HTTPException
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}


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

    @app.get("/docs/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in _MEDIA_TYPES:
            raise HTTPException(404, "No such file.")
        return Response(
            _read(name), media_type=_MEDIA_TYPES[name], headers={"Cache-Control": "max-age=86400"}
        )


@cache
def _read(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
