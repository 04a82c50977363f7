from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from msvitreid.serving.guards import COOKIE, Token
from msvitreid.serving.requests import Strict, read_request
from msvitreid.version import __version__

STATIC = Path(__file__).parent.parent / 'static'
FRESH = {'Cache-Control': 'no-cache'}


class LoginRequest(Strict):
    """What the form of the login sends."""

    token: str = ''


def page_routes(token: Token | None) -> APIRouter:
    """The page, its login, and whether the server is there."""
    router = APIRouter()

    @router.get('/', include_in_schema=False)
    def page() -> Response:
        return FileResponse(STATIC / 'index.html', headers=FRESH)

    @router.get('/review', include_in_schema=False)
    def review() -> Response:
        return FileResponse(STATIC / 'review.html', headers=FRESH)

    @router.get('/login', include_in_schema=False)
    def login() -> Response:
        return FileResponse(STATIC / 'login.html', headers=FRESH)

    @router.post('/login', include_in_schema=False)
    async def enter(request: Request) -> Response:
        wanted, _ = await read_request(request, LoginRequest)
        if token is None or not token.fits(wanted.token.strip()):
            return RedirectResponse('/login#failed', 303)
        answer = RedirectResponse('/', 303)
        answer.set_cookie(COOKIE, token.cookie, httponly=True, samesite='strict')
        return answer

    # Not in a thread, of which there may be none left while searches take long.
    @router.get('/api/health')
    async def health() -> dict[str, str]:
        """Whether the server is there."""
        return {'status': 'ok', 'version': __version__}

    return router
