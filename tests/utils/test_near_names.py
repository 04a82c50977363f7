from msvitreid.utils.near_names import did_you_mean


def test_near_names_are_given_as_they_are_written():
    known = ['BNNeckHead', 'MSViT', 'PartPoolingNeck']
    assert did_you_mean('bnnekhead', known) == "; did you mean 'BNNeckHead'?"
    assert did_you_mean('msvits', ['msvit-s', 'msvit-l']) == (
        "; did you mean 'msvit-s' or 'msvit-l'?"
    )


def test_nothing_near():
    assert did_you_mean('qwertz', ['MSViT']) == ''
    assert did_you_mean('a', []) == ''
