from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from msvitreid.errors import DatasetError
from msvitreid.serving.service import NotFoundError, Service
from msvitreid.utils.printable import printable

#: Images of a gallery are nobody else's: no proxy keeps them.
CACHE = {'Cache-Control': 'private, max-age=300'}


def gallery_routes(service: Service) -> APIRouter:
    """``/api/gallery``, ``/api/items``, ``/api/image`` and ``/api/thumbnail``."""
    router = APIRouter(prefix='/api')

    @router.get('/gallery')
    def gallery() -> dict[str, Any]:
        """Counts, columns with their values, the model's fingerprint, and the card."""
        return service.facts()

    @router.get('/items')
    def items(
        after: str = '',
        limit: int = 48,
        where: Annotated[list[str] | None, Query()] = None,
        start: str = '',
    ) -> dict[str, Any]:
        """Images of the gallery by ascending id: those after ``after``, or from ``start`` on."""
        return {'items': service.items(after, limit, where or [], start)}

    # An id may have slashes and any other character, so that it is no part of the path.
    @router.get('/image', response_class=Response)
    async def image(id: str) -> Response:
        """An image of the gallery as JPEG, 1,600 pixels high or wide at most."""
        return await _picture(service, id, small=False)

    @router.get('/thumbnail', response_class=Response)
    async def thumbnail(id: str) -> Response:
        """An image of the gallery as JPEG, 256 pixels high or wide at most."""
        return await _picture(service, id, small=True)

    return router


async def _picture(service: Service, id_: str, small: bool) -> Response:
    try:
        content = await service.picture(id_, small)
    except DatasetError as error:
        # The path is the server's business.
        logging.getLogger('msvitreid.serving').warning('%s', printable(str(error), 500))
        raise NotFoundError(f'the image of {printable(id_)!r} cannot be read') from error
    return Response(content, media_type='image/jpeg', headers=CACHE)
