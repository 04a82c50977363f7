from __future__ import annotations

import csv
import io
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msvitreid.datasets.readers.csv_list import read_csv
from msvitreid.datasets.readers.spellings import find_two_spellings, stands_for_nothing
from msvitreid.errors import DatasetError

quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def read(tmp_path):
    """Write a list and read a split of it: (path below the root, pid, camid)."""

    def read(content, split='train'):
        file = tmp_path / 'list.csv'
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        prefix = f'{tmp_path}/'
        return {
            part: [(path.removeprefix(prefix), pid, camid) for path, pid, camid in records]
            for part, records in read_csv(file, tmp_path, split).items()
        }

    return read


FULL = """\
split,camid,path,pid
train,2,a.jpg,9
train,10,b.jpg,10
query,,c/d.jpg,anna
gallery,1,./e.jpg,9
gallery,door,f.jpg,007
"""


def test_numbers_come_before_names_and_are_those_of_the_whole_file(read):
    # pids 007 < 9 < 10 < anna; cameras 1 < 2 < 10 < door.
    assert read(FULL) == {'train': [('a.jpg', 1, 1), ('b.jpg', 2, 2)]}
    assert read(FULL, 'test') == {
        'query': [('c/d.jpg', 3, -1)],
        'gallery': [('e.jpg', 1, 0), ('f.jpg', 0, 3)],
    }
    assert read(FULL, 'query') == {'query': [('c/d.jpg', 3, -1)]}
    assert read(FULL, 'gallery') == {'gallery': [('e.jpg', 1, 0), ('f.jpg', 0, 3)]}


@pytest.mark.parametrize('split', ['train', 'query', 'gallery'])
def test_without_splits_all_images_are_in_the_one_asked_for(split, read):
    assert read('path,pid\na,1\nb,2\n', split) == {split: [('a', 0, -1), ('b', 1, -1)]}


def test_without_splits_test_images_search_each_other(read):
    assert read('path,pid\na,1\nb,2\n', 'test') == {'query': [('a', 0, -1), ('b', 1, -1)]}


def test_split_test_is_a_set_whose_images_search_each_other(read):
    text = 'path,pid,split\na,1,train\nb,2,test\n'
    assert read(text, 'test') == read(text, 'query') == {'query': [('b', 1, -1)]}
    assert read(text, 'gallery') == {'gallery': []}
    assert read(text) == {'train': [('a', 0, -1)]}


def test_what_spreadsheets_do_is_tolerated(read):
    text = '\ufeffpath, pid ,camid\r\n a.jpg , 1,\r\n\r\n"b, c.jpg","1",\r\n'
    assert read(text) == {'train': [('a.jpg', 0, -1), ('b, c.jpg', 0, -1)]}


def test_columns_and_splits_in_capitals(read):
    """What differs in case only from the one name that can be meant."""
    text = 'PATH,Pid,CamID,Split\na.jpg,A,1,Train\nb.jpg,a,2,QUERY\n'
    assert read(text) == {'train': [('a.jpg', 0, 0)]}
    assert read(text, 'query') == {'query': [('b.jpg', 1, 1)]}


@pytest.mark.parametrize('names', [('1', '="1"'), ('1', '1\ufe0f'), ('1000', '1,000')])
def test_a_number_written_by_another_program(names, read):
    """Two identities of one person, because two programs wrote the list."""
    text = io.StringIO()
    csv.writer(text).writerows([('path', 'pid'), *zip('ab', names, strict=True)])
    with pytest.raises(DatasetError, match=r'line 3: the pids .* the same number'):
        read(text.getvalue())


def test_absolute_paths_below_the_root_are_taken(read, tmp_path):
    text = f'path,pid\n{tmp_path}/a.jpg,1\nb/../c.jpg,1\n'
    assert read(text) == {'train': [('a.jpg', 0, -1), ('c.jpg', 0, -1)]}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'list.csv: the list is empty'),
        ('\n\n', 'list.csv: the list is empty'),
        ('a.jpg,1\n', 'line 1: the header is'),
        ('path,camid\na,1\n', 'line 1: the header is'),
        ('path,pid,cam\na,1,2\n', r"line 1: the header is .*unknown: 'cam'\)"),
        ('path,person\na,1\n', r"\(unknown: 'person'; missing: 'pid'\)"),
        ('path,pid,pid\na,1,2\n', r"line 1: the header is .*twice: 'pid'\)"),
        ('path,pid\na,-1\n', 'line 2: -1 is no pid: leave such images out'),
        ('path,pid,camid\na,1,-1\n', 'line 2: -1 is no camid: leave the camera empty'),
        ('path,pid\na,1\nb,\u200b\n', r'line 3: \\u200b is no pid'),
        ('path;person\na;1\n', "line 1: .* semicolon-separated file; unknown: 'person'"),
        ('pfad;person\na;1\n', 'line 1: .*looks like a semicolon-separated file'),
        ('path\tcam\na\t1\n', "line 1: .*looks like a tab-separated file; unknown: 'cam'"),
        ('path pid\na 1\n', 'line 1: .*looks like a space-separated file'),
        ('path|pid\na|1\n', 'line 1: .*looks like a bar-separated file'),
        ('path,pid\na;1\n', 'line 2: 1 fields.*looks semicolon-separated'),
        ('path;pid\na,1\n', 'line 2: 1 fields.*looks comma-separated'),
        ('path,pid\na\n', 'line 2: 1 fields, but the header names 2'),
        ('path,pid\na,1\n\nb,2,3\n', 'line 4: 3 fields'),
        ('path,pid\n"a\nb",1\nc,\n', 'line 4: the pid is empty'),
        ('path,pid\n"a\nb",\n', 'line 2: the pid is empty'),
        ('path,pid\n ,1\n', 'line 2: the path is empty'),
        ('path,pid,split\na,1,val\n', "line 2: split 'val' is not one of train, query"),
        ('path,pid,split\na,1,\n', "line 2: split '' is not one of"),
        ('path,pid,split\na,1,test\nb,1,query\n', "line 3: split 'query' in a list that has"),
        ('path,pid\na,1\nb,1\n./a,2\n', "line 4: path './a' is in line 2 already"),
        ('path,pid\n../a,1\n', "line 2: path '../a' is not that of a file below"),
        ('path,pid\nx/../../a,1\n', 'line 2: path'),
        ('path,pid\n..,1\n', 'line 2: path'),
        ('path,pid\nx/..,1\n', 'line 2: path'),
        ('path,pid\n/etc/passwd,1\n', "line 2: path '/etc/passwd'"),
        (',path,pid\n0,a,1\n', r'line 1: .*column 1 has no name; pandas .*index=False'),
        ('Unnamed: 0,path,pid\n0,a,1\n', r"line 1: .*unknown: 'Unnamed: 0'; pandas"),
        ('path,pid,,\na,1,,\n', r'line 1: .*\(column 3, 4 has no name\)'),
        ('Image_Path,PID\na,1\n', r"line 1: .*unknown: 'Image_Path'; missing: 'path'"),
        ('path,Pid,PID\na,1,2\n', r"line 1: the header is .*twice: 'pid'\)"),
        ('path,pid\na,1\nPath,PID\n', 'line 3: the header comes a second time'),
        ('path,pid\na\0b,1\n', r"line 2: .*control character, '\\x00'"),
        ('path,pid\n"a\nb",1\nc,a\x1b[31m\n', r"line 4: .*control character, '\\x1b'"),
        ('path,pid\r\na,\x07\r\n', r"line 2: .*control character, '\\x07'"),
        ('path,pid\na,1\nhttp://x.org/a.jpg,1\n', "line 3: path 'http://x.org/a.jpg' is a URL"),
        ('path,pid\ns3://bucket/a.jpg,1\n', "line 2: path 's3://bucket/a.jpg' is a URL"),
        ('path,pid\nfile:///tmp/a.jpg,1\n', 'line 2: path .* is a URL'),
        ('path;pid\ndata:image/png;1\n', 'line 2: path .* is a URL'),
        ('path,pid\nC:\\x\\a.jpg,1\n', r"line 2: path 'C:\\x\\a.jpg' is an absolute"),
        ('path,pid\na,1\n"b,1\nc,1\n', r'line 3: not CSV \(unexpected end'),
        ('path,pid\n"a"b,1\n', 'line 2: not CSV'),
        (b'path,pid\n\xff,1\n', 'not UTF-8'),
    ],
)
def test_a_line_that_cannot_be_used_is_named(text, message, read):
    with pytest.raises(DatasetError, match=message):
        read(text)


@pytest.mark.parametrize('name', ['nan', 'NaN', 'None', 'null', '-1.0', 'NA', '<NA>', '-1e0'])
@pytest.mark.parametrize('column', ['pid', 'camid'])
def test_a_missing_value_is_no_name(name, column, read):
    """Ids: a missing value became one more person or camera: mAP 43.3 to 38.7, and no fault."""
    rows = ['a,1,1', 'b,2,2', f'c,{name},3' if column == 'pid' else f'c,3,{name}']
    with pytest.raises(DatasetError, match=f'list.csv, line 4: {name} is no {column}: '):
        read('path,pid,camid\n' + '\n'.join(rows))


@pytest.mark.parametrize('names', [('1', '1.0'), ('1.0', '01'), ('José', 'Jose\u0301')])
@pytest.mark.parametrize('column', ['pid', 'camid'])
@pytest.mark.parametrize('split', ['train', 'test', 'query'])
def test_a_name_has_one_spelling_in_all_splits(names, column, split, read):
    """Ids: 1, 1.0 and 01 were three cameras, so the Market rule was off: mAP 34.8 to 43.0."""
    row = '{},{},x,{}' if column == 'pid' else '{},x,{},{}'
    splits = ('query', 'gallery')
    rows = [row.format(path, *pair) for path, *pair in zip('ab', names, splits, strict=True)]
    with pytest.raises(DatasetError) as error:
        read('path,pid,camid,split\nc,y,y,train\n' + '\n'.join(rows), split)
    message = str(error.value)
    assert 'list.csv, line 4: ' in message
    assert '(the latter in line 3)' in message
    assert all(ascii(name) in message for name in names)


def test_backslashes_separate_folders(read, tmp_path):
    assert read('path,pid\nnorth\\a.jpg,1\n.\\b\\..\\c.jpg,1\n') == {
        'train': [('north/a.jpg', 0, -1), ('c.jpg', 0, -1)]
    }
    with pytest.raises(DatasetError, match=r'line 3: path .* is in line 2 already'):
        read('path,pid\nnorth/a.jpg,1\nnorth\\a.jpg,1\n')


@pytest.mark.parametrize('line', ['sep=;\n', 'SEP=;\r\n', '"sep=;"\n', '\ufeffsep=;\n'])
def test_a_line_that_names_the_separator(line, read):
    """Separators: what some programs write first for Excel was taken for the header."""
    assert read(f'{line}path;pid\na.jpg;1\n') == {'train': [('a.jpg', 0, -1)]}
    with pytest.raises(DatasetError, match='line 3: the pid is empty'):
        read(f'{line}path;pid\na.jpg;\n')


def test_a_million_columns_end_quickly(read):
    """Time that grows with the square of what a file holds."""
    start = time.process_time()
    with pytest.raises(DatasetError, match='line 1: the header is'):
        read('path,pid,' + ','.join(map(str, range(1_000_000))))
    assert time.process_time() - start < 10


def test_a_sibling_folder_is_outside(read, tmp_path):
    with pytest.raises(DatasetError, match='line 2: path'):
        read(f'path,pid\n{tmp_path}-other/a.jpg,1\n')


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r'no\.csv: the list cannot be read'):
        read_csv(tmp_path / 'no.csv', tmp_path, 'train')


# Names a file system and UTF-8 can hold, without control characters; white space around a
# value does not belong to it.
texts = st.text(
    st.characters(include_characters='\t\n\r', exclude_categories=['Cs', 'Cc']),
    min_size=1,
    max_size=20,
).filter(lambda text: not stands_for_nothing(text))
names = st.text(
    st.characters(
        include_characters='\n', exclude_characters='/\\', exclude_categories=['Cs', 'Cc']
    ),
    min_size=1,
    max_size=20,
).filter(lambda text: text.strip() not in ('', '.', '..'))


def has_one_spelling_each(rows):
    columns = ([(row[place] or '').strip() for row in rows] for place in (1, 2))
    return not any(find_two_spellings(filter(None, column)) for column in columns)


plain_names = st.text('abc1 é,;"\t', min_size=1, max_size=5).map(lambda text: f'x{text}x')


@given(
    rows=st.lists(
        st.tuples(plain_names, plain_names, plain_names, st.sampled_from(['query', 'gallery'])),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[0],
    ).filter(has_one_spelling_each),
    columns=st.permutations(range(4)),
    separator=st.sampled_from(',;\t'),
    encoding=st.sampled_from(['utf-8', 'utf-8-sig', 'utf-16']),
    line_end=st.sampled_from(['\n', '\r\n', '\r']),
    data=st.data(),
)
@quick
def test_how_a_list_is_written_does_not_matter(
    rows, columns, separator, encoding, line_end, data, tmp_path
):
    """Order, separator, encoding and line ends change no entry."""

    def read_written(rows, encoding='utf-8', **how):
        text = io.StringIO(newline='')
        csv.writer(text, **how).writerows(rows)
        (tmp_path / 'list.csv').write_bytes(text.getvalue().encode(encoding))
        found = read_csv(tmp_path / 'list.csv', tmp_path, 'test')
        return {split: sorted(records) for split, records in found.items()}

    header = ('path', 'pid', 'camid', 'split')
    permuted = data.draw(st.permutations(rows))
    other = [[row[column] for column in columns] for row in (header, *permuted)]
    how = dict(delimiter=separator, lineterminator=line_end)
    assert read_written(other, encoding, **how) == read_written([header, *rows])


@given(
    rows=st.lists(
        st.tuples(names, texts, st.none() | texts),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0].strip(),
    ).filter(has_one_spelling_each)
)
@quick
def test_any_names_come_back(rows, tmp_path):
    text = io.StringIO(newline='')
    writer = csv.writer(text)
    writer.writerow(['pid', 'path', 'camid'])
    writer.writerows((pid, f'folder/{name}', camid) for name, pid, camid in rows)
    file = tmp_path / 'list.csv'
    file.write_text(text.getvalue(), encoding='utf-8', newline='')

    (records,) = read_csv(file, tmp_path, 'train').values()
    wanted = [f'{tmp_path}/folder/{name.rstrip()}' for name, _, _ in rows]
    assert [record.img_path for record in records] == wanted
    for field, given_names in ((1, [row[1] for row in rows]), (2, [row[2] for row in rows])):
        pairs = {
            ((name or '').strip(), record[field])
            for name, record in zip(given_names, records, strict=True)
        }
        numbers = {number for name, number in pairs if name}
        # One number a name and one name a number, without gaps; -1 is for no name.
        assert len({name for name, _ in pairs}) == len({n for _, n in pairs}) == len(pairs)
        assert numbers == set(range(len(numbers)))
        assert all(number == -1 for name, number in pairs if not name)


pieces = st.sampled_from(
    [b'path', b'pid', b'camid', b'split', b',', b'\n', b'\r', b'"', b'..', b'/', b'train',
     b'test', b'1', b'\0', b'\xef\xbb\xbf', b'\xff']
)  # fmt: skip


@given(
    content=st.binary(max_size=60)
    | st.lists(pieces, max_size=30).map(b''.join)
    | st.lists(pieces, max_size=30).map(lambda parts: b'path,pid\n' + b''.join(parts)),
    split=st.sampled_from(['train', 'query', 'gallery', 'test']),
)
@settings(quick, max_examples=500)
def test_any_bytes_are_a_list_or_an_error_of_ours(content, split, tmp_path):
    (tmp_path / 'list.csv').write_bytes(content)
    try:
        found = read_csv(tmp_path / 'list.csv', tmp_path, split)
    except DatasetError:
        return
    assert all(path.startswith(f'{tmp_path}/') for r in found.values() for path, *_ in r)


def test_a_field_that_is_too_long_is_an_error_of_ours(read):
    with pytest.raises(DatasetError, match='line 2: not CSV'):
        read('path,pid\n' + 'a' * 200_000 + ',1\n')


def test_identities_of_thousands_of_digits_are_ordered_too(read):
    long = '9' * 10_000
    assert read(f'path,pid\na,{long}\nb,10\n') == {'train': [('a', 1, -1), ('b', 0, -1)]}


def test_large_lists_take_seconds(tmp_path):
    lines = [f'{n % 1000:04d}/{n:08d}.jpg,{n // 20},{n % 6},train\n' for n in range(100_000)]
    (tmp_path / 'list.csv').write_text('path,pid,camid,split\n' + ''.join(lines))
    start = time.process_time()
    assert len(read_csv(tmp_path / 'list.csv', tmp_path, 'train')['train']) == 100_000
    # A tenth of a million; it takes half a second.
    assert time.process_time() - start < 5


def test_a_name_without_end_is_refused_at_once(read):
    """Normalizing 100,000 combining marks took 15 s."""
    name = 'a' + '\u0301\u0323' * 50_000
    start = time.process_time()
    with pytest.raises(DatasetError, match=r'line 2: a pid of 100,001 characters'):
        read(f'path,pid\na.jpg,{name}')
    assert time.process_time() - start < 5
