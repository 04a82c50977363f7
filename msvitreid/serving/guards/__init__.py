"""What a request has to pass before any route sees it: Host, rate, token, origin and size.

``middleware.py`` is what an app adds; the others hold one check each.
"""

from .middleware import Guards
from .rate import Rate
from .token import COOKIE, Token

__all__ = ['COOKIE', 'Guards', 'Rate', 'Token']
