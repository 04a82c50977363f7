from .embedding import EmbeddedImages, embed_dataset

__all__ = ['EmbeddedImages', 'embed_dataset']
