"""A look at a pickle before torch unpickles it: whether that will end, and soon.

With ``weights_only=True`` torch runs no code of a file, but a pickle of 600 bytes can still build
tuples of tuples that take for ever to hash. So its opcodes, those that torch 2.14's restricted
unpickler knows, are followed here with a model of its stack: of every container only its size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO

#: An l net with optimizer state and average has about 100,000 opcodes; more take seconds.
MAX_OPCODES = 2_000_000
#: Values of a container with all that it contains, as often as it is contained; also the sum
#: over all that is handed to functions.
MAX_VALUES = 2_000_000
MAX_DEPTH = 100
MAX_PICKLE_BYTES = 2**26
MAX_NAME = 1000

#: A longer text counts as several values.
CHARACTERS_A_VALUE = 100

#: What ``torch.save`` began a file with until version 1.5, an integer of 77 bits.
MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, 'little')

#: What makes dense tensors. Checking others (sparse, quantized, nested) takes a time that the
#: size of the file does not bound, and no weights are of that kind.
DENSE = frozenset(
    f'torch._utils._rebuild_{kind}'
    for kind in (
        'meta_tensor_no_storage',
        'parameter',
        'parameter_with_state',
        'tensor',
        'tensor_v2',
        'tensor_v3',
    )
)


class PickleError(Exception):
    """Why a pickle is not handed to torch, as a clause about the file."""


class UnknownPickleError(PickleError):
    """It is no pickle, or not one that torch's restricted unpickler can read."""


class _Node:
    """A container, or the result of a call, with what it contains."""

    __slots__ = ('children', 'is_latin1_text', 'values')

    def __init__(self, items: Iterable[_Item] = (), is_latin1_text: bool = False) -> None:
        self.values = 1
        self.children: list[_Node] = []
        self.is_latin1_text = is_latin1_text
        for item in items:
            self.add(item)

    def add(self, item: _Item) -> None:
        if isinstance(item, _Node):
            self.children.append(item)
        else:
            self.values += item if isinstance(item, int) else 1


class _Latin1(int):
    """The text ``latin1``."""


#: On the stack: the number of values that a plain one counts as, a container, or the name of a
#: class or function.
_Item = int | _Node | str


def scan_pickle(file: BinaryIO) -> None:
    """Read one pickle, up to its end, and check that unpickling it ends.

    Bounded are the number of opcodes, the size of all containers and of what is handed to
    functions, counted as often as it is referred to, the depth, and what is hashed: keys of dicts
    are texts and numbers.

    Args:
        file: is left behind the pickle.

    Raises:
        PickleError: it is refused.
    """
    try:
        calls, nodes = _Scan(file).run()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise UnknownPickleError('is truncated or not a PyTorch file') from error
    totals = _expanded(nodes)
    if sum(totals[id(call)] for call in calls) > MAX_VALUES:
        raise PickleError(
            f'hands more than {MAX_VALUES:,} values to functions while it is read'
        )


class _Scan:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stack: list[_Item] = []
        self._marks: list[list[_Item]] = []
        self._memo: dict[int, _Item] = {}
        self._nodes: list[_Node] = []
        self._calls: list[_Node] = []
        self._bytes = 0

    def run(self) -> tuple[list[_Node], list[_Node]]:
        """What is handed to functions, and all containers."""
        for _ in range(MAX_OPCODES):
            opcode = self._read(1)
            if opcode == b'.':
                self._stack.pop()
                return self._calls, self._nodes
            if opcode in PLAIN:
                self._read(PLAIN[opcode])
                self._stack.append(1)
            elif opcode in EMPTY:
                self._push()
            else:
                handler = HANDLERS.get(opcode)
                if handler is None:
                    raise UnknownPickleError('is not a PyTorch file')
                handler(self)  # type: ignore[no-untyped-call]
        raise PickleError(f'takes more than {MAX_OPCODES:,} steps to read')

    def _count(self, number: int) -> None:
        self._bytes += number
        if self._bytes > MAX_PICKLE_BYTES:
            raise PickleError(f'has a pickle of more than {MAX_PICKLE_BYTES:,} bytes')

    def _read(self, count: int) -> bytes:
        self._count(count)
        data = self._file.read(count)
        if len(data) < count:
            raise UnknownPickleError('is truncated or not a PyTorch file')
        return data

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]

    def _push(self, items: Iterable[_Item] = (), is_latin1_text: bool = False) -> None:
        node = _Node(items, is_latin1_text)
        self._nodes.append(node)
        self._stack.append(node)

    def _pop_mark(self) -> list[_Item]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _top(self) -> _Node:
        top = self._stack[-1]
        if not isinstance(top, _Node):
            raise UnknownPickleError('is truncated or not a PyTorch file')
        return top

    # --- values ---------------------------------------------------------------------------

    def _text(self) -> None:
        data = self._read(self._number('<I'))
        if data == b'latin1':
            self._stack.append(_Latin1(1))
        else:
            self._stack.append(1 + len(data) // CHARACTERS_A_VALUE)

    def _short_bytes(self) -> None:
        self._read(self._read(1)[0])
        self._stack.append(1 + 255 // CHARACTERS_A_VALUE)

    def _long(self) -> None:
        # Larger ones can be made that all have the same hash.
        data = self._read(self._read(1)[0])
        if len(data) > 9 and data != MAGIC:
            raise PickleError('contains an integer of more than 64 bits')
        self._stack.append(1)

    def _global(self) -> None:
        names = [self._file.readline(MAX_NAME) for _ in range(2)]
        self._count(sum(map(len, names)))
        if not all(name.endswith(b'\n') for name in names):
            raise UnknownPickleError('is not a PyTorch file')
        name = '.'.join(name[:-1].decode() for name in names)
        rebuilds = name.startswith('torch._utils._rebuild_') and name not in DENSE
        if rebuilds or name.startswith(('torch.sparse', 'torch.cuda.sparse', 'torch.nested')):
            raise PickleError(
                'contains a sparse, quantized, nested or other special tensor '
                f'({name.rpartition(".")[2][:80]!r}), which no weights are: convert it with '
                '.to_dense() or .dequantize() and save it again'
            )
        self._stack.append(name)

    # --- containers -----------------------------------------------------------------------

    def _tuple(self, count: int | None = None) -> None:
        if count is None:
            items = self._pop_mark()
        else:
            if len(self._stack) < count:
                raise IndexError
            items = self._stack[-count:]
            del self._stack[-count:]
        is_latin1_text = (
            len(items) == 2 and isinstance(items[0], int) and isinstance(items[1], _Latin1)
        )
        self._push(items, is_latin1_text)

    def _append(self) -> None:
        item = self._stack.pop()
        self._top().add(item)

    def _appends(self) -> None:
        items = self._pop_mark()
        top = self._top()
        for item in items:
            top.add(item)

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def _set_items(self, items: list[_Item] | None = None) -> None:
        items = self._pop_mark() if items is None else items
        top = self._top()
        if not all(isinstance(key, int) for key in items[::2]):
            raise PickleError('has a dict whose keys are not texts or numbers')
        for item in items:
            top.add(item)

    # --- calls ----------------------------------------------------------------------------

    def _called_with(self) -> _Node:
        args = self._stack.pop()
        if not isinstance(args, _Node):
            args = _Node([args])
            self._nodes.append(args)
        self._calls.append(args)
        return args

    def _call(self) -> None:
        args = self._called_with()
        function = self._stack.pop()
        # Other encodings take a time that grows with the square of the text.
        if function == '_codecs.encode' and not args.is_latin1_text:
            raise PickleError('contains bytes in an encoding other than latin1')
        self._push([args] if isinstance(function, str) else [args, function])

    def _build(self) -> None:
        state = self._called_with()
        self._top().add(state)

    def _storage(self) -> None:
        self._push([self._called_with()])

    # --- memo -----------------------------------------------------------------------------

    def _get(self, form: str) -> None:
        self._stack.append(self._memo[self._number(form)])

    def _put(self, form: str) -> None:
        self._memo[self._number(form)] = self._stack[-1]


#: Opcodes of one plain value, and how many bytes of it follow.
PLAIN = {b'N': 0, b'\x88': 0, b'\x89': 0, b'J': 4, b'K': 1, b'M': 2, b'G': 8}
EMPTY = frozenset((b')', b']', b'}', b'\x8f'))
HANDLERS = {
    b'X': _Scan._text,
    b'U': _Scan._short_bytes,
    b'\x8a': _Scan._long,
    b'c': _Scan._global,
    b'(': _Scan._mark,
    b't': _Scan._tuple,
    b'\x85': lambda scan: scan._tuple(1),
    b'\x86': lambda scan: scan._tuple(2),
    b'\x87': lambda scan: scan._tuple(3),
    b'a': _Scan._append,
    b'e': _Scan._appends,
    b's': _Scan._set_item,
    b'u': _Scan._set_items,
    b'R': _Scan._call,
    b'\x81': _Scan._call,
    b'b': _Scan._build,
    b'Q': _Scan._storage,
    b'h': lambda scan: scan._get('<B'),
    b'j': lambda scan: scan._get('<I'),
    b'q': lambda scan: scan._put('<B'),
    b'r': lambda scan: scan._put('<I'),
    b'\x80': lambda scan: scan._read(1),
}


def _expanded(nodes: list[_Node]) -> dict[int, int]:
    """The values of each node with all that it contains, by its ``id``.

    Raises:
        PickleError: one is too large, lies too deep, or contains itself.
    """
    totals: dict[int, int] = {}
    depths: dict[int, int] = {}
    for root in nodes:
        path = [] if id(root) in totals else [(root, iter(root.children))]
        open_nodes = {id(root)}
        while path:
            node, rest = path[-1]
            child = next((child for child in rest if id(child) not in totals), None)
            if child is not None:
                if id(child) in open_nodes:
                    raise PickleError('has a container that contains itself')
                open_nodes.add(id(child))
                path.append((child, iter(child.children)))
                continue
            path.pop()
            open_nodes.remove(id(node))
            total = node.values + sum(totals[id(child)] for child in node.children)
            depth = 1 + max((depths[id(child)] for child in node.children), default=0)
            if total > MAX_VALUES:
                raise PickleError(f'has a container of more than {MAX_VALUES:,} values')
            if depth > MAX_DEPTH:
                raise PickleError(f'has containers nested more than {MAX_DEPTH} deep')
            totals[id(node)], depths[id(node)] = total, depth
    return totals
