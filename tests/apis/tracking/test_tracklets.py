"""One embedding a tracklet: its weights as documented, and what has none is said."""

import json

import numpy as np
import pytest
from PIL import Image

from msvitreid.apis.tracking import embed_tracks, find_frames, read_tracks
from msvitreid.cli.main import main
from msvitreid.errors import CheckpointError, ConfigError, DatasetError, OutputError


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """Three frames of 200 x 120, numbered from 1."""
    folder = tmp_path_factory.mktemp('video') / 'img1'
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(1, 4):
        coarse = random.integers(0, 256, (6, 10, 3), np.uint8)
        pixels = coarse.repeat(20, axis=0).repeat(20, axis=1)
        Image.fromarray(pixels).save(folder / f'{number:06d}.png')
    (folder / 'Thumbs.db').write_bytes(b'')
    return folder


def written(tmp_path, *lines):
    path = tmp_path / 'tracks.txt'
    path.write_text('\n'.join(lines) + '\n')
    return path


def by_hand(encoder, video, rows):
    """The weighted mean of boxes ``(frame, left, top, width, height, confidence)``."""
    embeddings, weights = [], []
    for frame, left, top, width, height, confidence in rows:
        crop = Image.open(video / f'{frame:06d}.png')
        box = left, top, left + width, top + height
        inside = max(0, min(box[2], 200) - max(left, 0)) * max(
            0, min(box[3], 120) - max(top, 0)
        )
        area = crop.crop((max(left, 0), max(top, 0), min(box[2], 200), min(box[3], 120)))
        embeddings.append(encoder.inferencer(area)[0].astype(float))
        size = min(1, (inside / (64 * 32)) ** 0.5)
        weights.append(size * inside / (width * height) * min(confidence, 1))
    total = 0
    for i, embedding in enumerate(embeddings):
        others = sum(
            (w * e for j, (w, e) in enumerate(zip(weights, embeddings, strict=True)) if j != i),
            np.zeros(80),
        )
        length = np.linalg.norm(others)
        agreement = 1 if length == 0 else max(0, others @ embedding / length)
        total = total + weights[i] * agreement * embedding
    return total / np.linalg.norm(total)


def test_weights_are_as_documented(encoder, video, tmp_path):
    rows = [(1, 10, 10, 30, 60, 0.9), (2, -10, 20, 40, 60, 0.5), (3, 100, 50, 8, 16, 7)]
    lines = [f'{f},4,{x},{y},{w},{h},{c}' for f, x, y, w, h, c in rows]
    tracks = read_tracks(written(tmp_path, *lines, '2,1,50,50,20,40'))
    found = embed_tracks(encoder, find_frames(video), tracks)
    assert found.ids.tolist() == [1, 4]
    assert found.boxes.tolist() == [1, 3]
    assert found.first_frames.tolist() == [2, 1]
    assert found.last_frames.tolist() == [2, 3]
    assert found.fingerprint == encoder.fingerprint
    assert found.failed == {}
    np.testing.assert_allclose(found.embeddings[1], by_hand(encoder, video, rows), atol=1e-4)
    alone = by_hand(encoder, video, [(2, 50, 50, 20, 40, 1)])
    np.testing.assert_allclose(found.embeddings[0], alone, atol=1e-4)
    assert found.weights[0] == pytest.approx((800 / 2048) ** 0.5)


def test_a_box_that_is_another_weighs_less(encoder, video, tmp_path):
    """Class of faults: an identity switch of one frame spoils the mean."""
    crop = '10,10,30,60,1'
    frames = dict.fromkeys(range(1, 5), str(video / '000001.png'))
    tracks = read_tracks(written(tmp_path, f'1,7,{crop}'))
    clean = embed_tracks(encoder, frames, tracks).embeddings[0]
    stray = [f'{number},7,{crop}' for number in (1, 2, 3)] + ['4,7,120,40,30,60,1']
    found = embed_tracks(encoder, frames, read_tracks(written(tmp_path, *stray)))
    embeddings = encoder.inferencer.embed_boxes(
        str(video / '000001.png'), [[10, 10, 40, 70], [120, 40, 150, 100]]
    ).embeddings
    plain = 3 * embeddings[0] + embeddings[1]
    plain /= np.linalg.norm(plain)
    assert found.embeddings[0] @ clean > plain @ clean


def test_tracks_without_a_usable_box_are_listed(encoder, video, tmp_path):
    lines = ['1,1,500,500,20,40,1', '1,2,10,10,20,40,0', '1,3,10,10,20,40,1']
    found = embed_tracks(encoder, find_frames(video), read_tracks(written(tmp_path, *lines)))
    assert found.ids.tolist() == [3]
    assert set(found.failed) == {1, 2}
    none = embed_tracks(encoder, find_frames(video), read_tracks(written(tmp_path, *lines[:2])))
    assert none.embeddings.shape == (0, 80)
    assert none.ids.shape == (0,)


def test_frames_are_found_by_their_numbers(video, tmp_path):
    frames = find_frames(video)
    assert list(frames) == [1, 2, 3]
    assert find_frames(str(video / '*2.png')) == {2: frames[2]}
    for name, match in (('cover.png', 'no number'), ('x/000001.png', 'both frame 1')):
        folder = tmp_path / match
        (folder / name).parent.mkdir(parents=True)
        for path in (folder / name, folder / 'a1.png'):
            Image.new('RGB', (4, 4)).save(path)
        with pytest.raises(DatasetError, match=match):
            find_frames(folder)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match='no images'):
        find_frames(tmp_path / 'empty')
    with pytest.raises(DatasetError, match='gone'):
        find_frames(str(tmp_path / 'gone*.jpg'))


def test_a_missing_frame_names_the_line_and_an_unreadable_one_its_file(
    encoder, video, tmp_path
):
    path = written(tmp_path, '1,1,10,10,20,40', '9,1,10,10,20,40', '8,1,10,10,20,40')
    with pytest.raises(DatasetError, match=r'tracks\.txt, line 3: frame 8'):
        embed_tracks(encoder, find_frames(video), read_tracks(path))
    broken = tmp_path / '000001.png'
    broken.write_bytes(b'no image')
    tracks = read_tracks(written(tmp_path, '1,1,10,10,20,40'))
    with pytest.raises(DatasetError, match=r'000001\.png'):
        embed_tracks(encoder, find_frames(str(broken)), tracks)
    with pytest.raises(DatasetError, match='frame 1 has no image'):
        embed_tracks(encoder, {}, tracks)


def run(capsys, *argv):
    code = 0
    try:
        main(['embed-tracks', *map(str, argv)])
    except SystemExit as end:
        code = end.code
    return code, *capsys.readouterr()


def test_the_command(model_file, video, tmp_path, capsys):
    path = written(
        tmp_path, *(f'{f},{i},{9 * i},10,30,60,1' for f in (1, 2, 3) for i in (1, 2))
    )
    out = tmp_path / 'new' / 'tracks.npz'
    code, text, _ = run(capsys, model_file, video, path, '--out', out, '--json')
    facts = json.loads(text)
    assert (code, facts['tracks'], facts['boxes'], facts['frames']) == (0, 2, 6, 3)
    archive = np.load(out)
    assert archive['embeddings'].shape == (2, 80)
    assert archive['id'].tolist() == [1, 2]
    assert str(archive['fingerprint']) == facts['fingerprint']
    code, text, _ = run(capsys, model_file, video, path, '--out', tmp_path / 't.csv')
    assert text.startswith('2 tracks of 6 boxes')
    header, first, _ = (tmp_path / 't.csv').read_text().splitlines()
    assert header.startswith('id,boxes,used,first_frame,last_frame,weight,fingerprint,e0,')
    assert np.array(first.split(',')[7:], np.float32) == pytest.approx(archive['embeddings'][0])
    outside = written(tmp_path, '1,1,10,10,20,40', '1,5,900,10,20,40')
    code, text, err = run(capsys, model_file, video, outside, '--out', out)
    assert code == 1
    assert 'track 5' in err


def test_what_the_command_refuses(model_file, video, tmp_path, capsys):
    path = written(tmp_path, '1,1,10,10,20,40')
    out = tmp_path / 'out.npz'
    for argv, error, match in (
        ((model_file, video, path, '--out', 'a.txt'), ConfigError, r'a\.txt'),
        ((model_file, video, tmp_path / 'gone.txt', '--out', out), DatasetError, r'gone\.txt'),
        ((model_file, tmp_path / 'gone', path, '--out', out), DatasetError, 'gone'),
        ((tmp_path / 'no.safetensors', video, path, '--out', out), CheckpointError, 'no'),
        ((model_file, video, path, '--out', out, '--device', 'tpu'), ConfigError, 'tpu'),
    ):
        with pytest.raises(error, match=match):
            run(capsys, *argv)
    table = path.rename(tmp_path / 'tracks.csv')
    before = table.read_bytes()
    for place in (table, video / 'tracks.npz'):  # what is read, and the folder of the frames
        with pytest.raises(ConfigError, match='only read'):
            run(capsys, model_file, video, table, '--out', place)
    assert table.read_bytes() == before
    path = table
    (tmp_path / 'd.npz').mkdir()
    with pytest.raises(OutputError, match=r'd\.npz'):
        run(capsys, model_file, video, path, '--out', tmp_path / 'd.npz')
    assert not out.exists()
    for options in ((), ('--out', out, '--batch-size', 0), ('--out', out, '--camera', 'c1')):
        assert run(capsys, model_file, video, path, *options)[0] == 2


def test_one_unreadable_frame_ends_nothing(encoder, model_file, video, tmp_path, capsys):
    """Class of faults: a command on many images that stops at one of them."""
    frames = tmp_path / 'frames'
    frames.mkdir()
    for path in video.glob('*.png'):
        (frames / path.name).write_bytes(path.read_bytes())
    (frames / '000002.png').write_bytes(b'no image')
    lines = [f'{frame},{track},10,10,20,40' for frame in (1, 2, 3) for track in (1, 2)]
    path = written(tmp_path, *lines, '2,7,10,10,20,40')
    found = embed_tracks(encoder, find_frames(frames), read_tracks(path))
    assert (found.ids.tolist(), found.used.tolist()) == ([1, 2], [2, 2])
    assert list(found.unreadable) == [str(frames / '000002.png')]
    assert list(found.failed) == [7]
    without = written(tmp_path, *[line for line in lines if line[0] != '2'])
    expected = embed_tracks(encoder, find_frames(frames), read_tracks(without))
    np.testing.assert_allclose(found.embeddings, expected.embeddings, atol=1e-6)
    path = written(tmp_path, *lines)
    code, out, err = run(capsys, model_file, frames, path, '--out', tmp_path / 'a.npz')
    assert (code, '000002.png' in err, out[:8]) == (1, True, '2 tracks')
