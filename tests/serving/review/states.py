"""States of a review, written as texts."""

from msvitreid.serving.review import Image, Mark, Note, ReviewState

ANSWER = {'=': 'same', '/': 'different', '?': 'cannot tell'}


def image(name):
    """An upload if its name begins with U."""
    return Image('upload' if name[0] == 'U' else 'gallery', name)


def state_of(*texts):
    """Marks ``a = b``, ``a / b``, ``a ? b``, and notes ``name a Ada``, ``aside a`` and so on."""
    marks, notes = [], []
    for number, text in enumerate(texts, start=1):
        first, second, *rest = text.split()
        if second in ANSWER:
            pair = image(first), image(rest[0])
            marks.append(Mark(number, '', *pair, ANSWER[second], '', number))
        else:
            value = ' '.join(rest)
            notes.append(Note(number, '', first, image(second), value, '', number))
    return ReviewState(len(texts), marks, notes)
