"""The text of the MOT challenge, read strictly and written so that it is read again."""

import numpy as np
import pytest

from msvitreid.apis.tracking import read_tracks, write_detections, write_tracks
from msvitreid.errors import ConfigError, DatasetError, OutputError


def write(tmp_path, text):
    path = tmp_path / 'tracks.txt'
    path.write_text(text)
    return path


def test_all_usual_forms_are_read(tmp_path):
    text = (
        '1,2,10.5,20,30,40,0.5,-1,-1,-1\n'
        '\n'
        '2, 2, 11, 21, 30, 40, 1, 1, 0.8\n'
        '3 2 11 21 30 40 0.25\r\n'
        '3.0,5.0,-4,21,30,40\n'
        '4,2,0,0,1e2,40,-1,-1,-1,-1\n'
    )
    tracks = read_tracks(write(tmp_path, text))
    assert tracks.frames.tolist() == [1, 2, 3, 3, 4]
    assert tracks.ids.tolist() == [2, 2, 2, 5, 2]
    assert tracks.ltwh[0].tolist() == [10.5, 20, 30, 40]
    assert tracks.ltwh[4].tolist() == [0, 0, 100, 40]
    assert tracks.confidences.tolist() == [0.5, 1, 0.25, 1, 1]
    assert tracks.lines.tolist() == [1, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ('line', 'match'),
    [
        ('1,2,3,4,5', '5 fields'),
        ('1,2,3,4,5,6,7,8,9,10,11', '11 fields'),
        ('1;2;3;4;5;6', '1 fields'),
        ('frame,id,left,top,width,height', 'frame'),
        ('1,2,nan,4,5,6', 'nan'),
        ('1,2,3,4,inf,6', 'inf'),
        ('1,2,3,4,5,1_0', '1_0'),
        ('٣,2,3,4,5,6', '٣'),
        ('1,2,3,4,5,', 'float|number'),
        ('1.5,2,3,4,5,6', 'frame 1.5'),
        ('1,2.5,3,4,5,6', 'id 2.5'),
        ('-1,2,3,4,5,6', 'frame -1'),
        ('1,-1,3,4,5,6', 'tracker'),
        ('1,-7,3,4,5,6', 'id -7'),
        ('1,2,3,4,0,6', '0 wide'),
        ('1,2,3,4,5,-6', '-6 high'),
        ('1,2,1e300,4,5,6', 'farther'),
        ('1e300,2,3,4,5,6', 'frame'),
        ('1,1,3,4,5,6', 'by line 1'),
    ],
)
def test_bad_lines_name_file_and_line(line, match, tmp_path):
    path = write(tmp_path, f'1,1,3,4,5,6\n{line}\n')
    with pytest.raises(DatasetError, match=rf'tracks\.txt, line 2.*{match}'):
        read_tracks(path)


@pytest.mark.parametrize('content', [b'', b'\n\n', b'\0\1\2', b'\xff\xfe\x00', b'PK\x03\x04'])
def test_files_that_are_none(content, tmp_path):
    path = tmp_path / 'tracks.txt'
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r'tracks\.txt'):
        read_tracks(path)


def test_files_that_are_missing(tmp_path):
    with pytest.raises(DatasetError, match=r'gone\.txt'):
        read_tracks(tmp_path / 'gone.txt')
    with pytest.raises(DatasetError, match=tmp_path.name):
        read_tracks(tmp_path)


def test_detections_have_no_track(tmp_path):
    path = write(tmp_path, '1,-1,3,4,5,6,0.9\n1,-1,30,4,5,6,0.8\n')
    assert read_tracks(path, detections=True).ids.tolist() == [-1, -1]


def test_what_is_written_is_read(tmp_path):
    tracks = read_tracks(write(tmp_path, '1,2,10.5,20.25,30,40,0.5\n7,3,1,2,3.125,4,1\n'))
    write_tracks(tmp_path / 'again.txt', tracks)
    again = read_tracks(tmp_path / 'again.txt')
    for name in ('frames', 'ids', 'ltwh', 'confidences'):
        np.testing.assert_array_equal(getattr(again, name), getattr(tracks, name))
    embeddings = np.array([[0.6, 0.8], [1, 0]], np.float32)
    write_detections(tmp_path / 'd.npy', tracks, embeddings)
    table = np.load(tmp_path / 'd.npy')
    assert table.shape == (2, 12)
    np.testing.assert_allclose(table[0], [1, 2, 10.5, 20.25, 30, 40, 0.5, -1, -1, -1, 0.6, 0.8])
    write_detections(tmp_path / 'd.txt', tracks, embeddings)
    text = np.loadtxt(tmp_path / 'd.txt', delimiter=',', dtype=np.float32)
    np.testing.assert_array_equal(text, table)
    with pytest.raises(ConfigError, match=r'd\.csv'):
        write_detections(tmp_path / 'd.csv', tracks, embeddings)
    with pytest.raises(DatasetError, match='2 boxes'):
        write_detections(tmp_path / 'd.npy', tracks, embeddings[:1])
    with pytest.raises(OutputError, match='gone'):
        write_tracks(tmp_path / 'gone' / 'd.txt', tracks)
    large = read_tracks(write(tmp_path, f'{2**24 + 1},2,1,1,1,1\n'))
    with pytest.raises(DatasetError, match='float32'):
        write_detections(tmp_path / 'd.npy', large, embeddings[:1])
