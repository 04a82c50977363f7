from msvitreid.utils.spreadsheets import csv_text


def test_rows_as_text():
    assert csv_text([('a', 'b'), [1, 'x,y']]) == 'a,b\n1,"x,y"\n'
