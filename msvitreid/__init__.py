"""MSViT-ReID: re-identification and instance retrieval on mmengine.

Importing the package is cheap on purpose: components register themselves when
a registry first looks one up (:mod:`msvitreid.registry`).
"""

from .version import __version__

__all__ = ['__version__']
