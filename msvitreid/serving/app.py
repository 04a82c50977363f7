from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.apis.verification import CalibrationCard
from msvitreid.errors import OutputError, ReIDError, ReviewError
from msvitreid.gallery import GalleryStore
from msvitreid.utils.printable import escaped
from msvitreid.version import __version__

from .guards import Guards, Token
from .limits import BusyError, Limits
from .requests import sentence_of
from .review import BusyMarksError, MarkStore
from .routes.gallery import gallery_routes
from .routes.identities import identity_routes
from .routes.marks import mark_routes
from .routes.page import STATIC, page_routes
from .routes.review import review_routes
from .routes.search import search_routes
from .service import NotFoundError, Service

LOOPBACK = ('localhost', '127.0.0.1', '::1')

#: The status of each error, the first class that fits.
STATUS: tuple[tuple[type[ReIDError], int], ...] = (
    (NotFoundError, 404),
    (BusyError, 503),
    (BusyMarksError, 503),
    (ReviewError, 409),
    (OutputError, 507),
    (ReIDError, 400),
)


def create_app(
    gallery: GalleryStore,
    inferencer: ReIDInferencer,
    card: CalibrationCard | None = None,
    *,
    marks: MarkStore,
    token: str | None = None,
    limits: Limits | None = None,
    hosts: Sequence[str] = LOOPBACK,
    root: str | None = None,
) -> FastAPI:
    """The page and its REST interface, for one gallery and its model.

    Args:
        gallery: opened read-only; the caller closes it.
        inferencer: of the gallery's model.
        card: for thresholds at false match rates, and for answers.
        marks: where the review's marks are kept; the caller closes it.
        token: without which nothing is answered; None for everybody.
        limits: of what clients may ask.
        hosts: names by which the server may be called; see :class:`Guards`.
        root: folder that ids are relative to, if the images are not where they were.

    Raises:
        GalleryError, CalibrationError: gallery or card is of another model.
        ConfigError: the token is too short.
    """
    limits = limits or Limits()
    service = Service(gallery, inferencer, card, marks, limits, root)
    checked = None if token is None else Token(token)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.uploads.warm_up()
        yield
        service.close()

    app = FastAPI(
        title='MSViT-ReID',
        version=__version__,
        # Their pages load scripts from elsewhere; the description itself does not.
        docs_url=None,
        redoc_url=None,
        openapi_url='/api/openapi.json',
        redirect_slashes=False,
        lifespan=lifespan,
    )
    for routes in (
        search_routes(service),
        gallery_routes(service),
        mark_routes(service),
        identity_routes(service),
        review_routes(service),
        page_routes(checked),
    ):
        app.include_router(routes)
    app.mount('/static', StaticFiles(directory=STATIC))
    # Sentences for who started the server name them whole.
    private = [Path(one) for one in (marks.path, getattr(gallery, 'path', None)) if one]

    def report(request: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        sentence = str(error)
        for path in private:
            if path.name:
                sentence = sentence.replace(str(path), path.name)
        return _error(status, sentence)

    app.add_exception_handler(ReIDError, report)
    app.add_exception_handler(RequestValidationError, _report_values)
    app.add_exception_handler(HTTPException, _report_http)
    app.add_middleware(Guards, hosts=hosts, token=checked, limits=limits)
    return app


def _error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({'error': escaped(sentence)}, status)


def _report_values(request: Request, error: Exception) -> JSONResponse:
    return _error(400, sentence_of(error.errors()))  # type: ignore[attr-defined]


def _report_http(request: Request, error: Exception) -> JSONResponse:
    return _error(error.status_code, str(error.detail))  # type: ignore[attr-defined]
