"""The search page and its REST interface, for one gallery and its model.

What answers over HTTP enters here; what it answers comes from ``apis`` and ``gallery``. Needs the
extra ``serve`` (FastAPI, uvicorn). ``static/index.html`` is the page with the values that its
fields start with, ``page.js`` what it does, ``limits.py`` what a client may ask for; ``dom.js``
makes what both pages show, and their head.
"""

from .app import create_app
from .limits import Limits
from .review import MarkStore

__all__ = ['Limits', 'MarkStore', 'create_app']
