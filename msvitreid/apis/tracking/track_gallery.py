from __future__ import annotations

from msvitreid.errors import ConfigError
from msvitreid.gallery import GalleryStore

from .tracklets import TrackEmbeddings


def add_tracks(
    gallery: GalleryStore, tracks: TrackEmbeddings, video: str, camera: str | None = None
) -> tuple[int, int]:
    """Add the tracks of a video to a gallery; those that it holds already are updated.

    An item's id is ``VIDEO/TRACK``; its columns are ``video``, ``track``, ``boxes``, ``used``,
    ``first_frame``, ``last_frame``, ``weight`` and ``camera``. Columns that were added to an item
    since stay. What the gallery holds of the video and ``tracks`` lacks is left as it is.

    Args:
        gallery: of the same model, opened for writing.
        tracks: of :func:`embed_tracks`.
        video: name of the video, unique in the gallery.
        camera: that took the video, or None.

    Returns:
        How many items were added, and how many updated.

    Raises:
        ConfigError: ``video`` is empty.
        GalleryError: the gallery is of another model, or an id is too long.
        OutputError: the gallery cannot be written.
    """
    if not video:
        raise ConfigError('the name of the video is empty; ids are made of it and the track')
    ids = [f'{video}/{track}' for track in tracks.ids.tolist()]
    own = {'video': video} | ({} if camera is None else {'camera': camera})
    facts = zip(
        tracks.ids.tolist(),
        tracks.boxes.tolist(),
        tracks.used.tolist(),
        tracks.first_frames.tolist(),
        tracks.last_frames.tolist(),
        tracks.weights.tolist(),
        strict=True,
    )
    names = ('track', 'boxes', 'used', 'first_frame', 'last_frame', 'weight')
    columns = [{**own, **dict(zip(names, row, strict=True))} for row in facts]
    there = gallery.get(ids, embeddings=False)
    new = [place for place, id_ in enumerate(ids) if id_ not in there]
    old = [place for place, id_ in enumerate(ids) if id_ in there]
    for places, write in ((new, gallery.add), (old, gallery.update)):
        if places:
            kept = [there[ids[i]].metadata if ids[i] in there else {} for i in places]
            write(
                [ids[i] for i in places],
                tracks.embeddings[places],
                [{**before, **columns[i]} for before, i in zip(kept, places, strict=True)],
                normalize=True,
                fingerprint=tracks.fingerprint,
            )
    return len(new), len(old)
