from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from msvitreid.errors import ConfigError
from msvitreid.registry import DATASETS

from .base import ReIDDataset
from .readers.spellings import describe_spellings, find_two_spellings


@DATASETS.register_module()
class JoinedDataset(ReIDDataset):
    """Several datasets as one, with their identities and cameras kept apart.

    For training, labels are consecutive over all members, and ``metainfo['num_classes']``
    is the sum of theirs. For testing, every member is a test set of its own: entries carry
    its name as ``dataset``, by which metrics give each its own figures.

    Args:
        datasets: Configs of the members, without ``pipeline``, ``split`` and ``on_unreadable``.
            ``name`` is what a member is called in the figures; by default what its dataset
            calls itself.
        data_root: For members that state none.
        split: Of all members; see :class:`ReIDDataset`.
        pipeline: Transforms or their configs, for all members.
        on_count_mismatch: For members that state none.
        on_unreadable: Of all members; see :class:`ReIDDataset`.
        metainfo: More meta information.
        indices: Keep only the first (or last, if negative) so many entries, or these.
        serialize_data: Keep entries as one buffer that worker processes share.
        lazy_init: Read the files only when first needed.

    Raises:
        ConfigError: there is no member, one is no single :class:`ReIDDataset` or states
            what is stated for all, or two have one name.
        DatasetError: a member cannot be read.
    """

    #: Options of a member's config that are not its dataset's.
    member_options: ClassVar[Mapping[str, Any]] = {'datasets': {'name': str}}

    def __init__(
        self,
        datasets: Sequence[Mapping[str, Any]],
        data_root: str | None = None,
        split: Literal['train', 'test', 'query', 'gallery'] = 'train',
        pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
        on_count_mismatch: Literal['error', 'warn', 'ignore'] = 'error',
        *,
        on_unreadable: Literal['error', 'redraw'] = 'error',
        metainfo: Mapping[str, Any] | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
    ) -> None:
        self.datasets = datasets
        super().__init__(
            data_root,
            split,
            pipeline,
            on_count_mismatch,
            on_unreadable=on_unreadable,
            metainfo=metainfo,
            indices=indices,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Entries of all members, one after the other."""
        entries: list[dict[str, Any]] = []
        self.left_out.clear()
        self.id_names.clear()
        next_pid = next_camid = num_classes = 0
        for name, member in self._build_members().items():
            own = member.data_list
            self.left_out.merge(member.left_out)
            self.id_names.add(member.id_names, own, next_pid, next_camid)
            for entry in own:
                # Negative numbers are no identity (junk) and no camera (unknown).
                entry['pid'] += next_pid if entry['pid'] >= 0 else 0
                entry['camid'] += next_camid if entry['camid'] >= 0 else 0
                entry['dataset'] = name
                if 'label' in entry:
                    entry['label'] += num_classes
            next_pid = max(next_pid, 1 + max(entry['pid'] for entry in own))
            next_camid = max(next_camid, 1 + max(entry['camid'] for entry in own))
            num_classes += member.metainfo.get('num_classes', 0)
            entries += own
        if self.split == 'train':
            self._metainfo['num_classes'] = num_classes
        return entries

    def _build_members(self) -> dict[str, ReIDDataset]:
        members: dict[str, ReIDDataset] = {}
        for given in self.datasets:
            if not isinstance(given, Mapping):
                raise ConfigError(
                    f"JoinedDataset: the member {given!r} is no dict(type='Market1501') or such"
                )
            if 'type' not in given:
                raise ConfigError(f'JoinedDataset: the member {dict(given)} names no type')
            kind = DATASETS.get(given['type'])
            if issubclass(kind, JoinedDataset) or not issubclass(kind, ReIDDataset):
                raise ConfigError(
                    f'JoinedDataset: {given["type"]} cannot be a member; name single datasets '
                    'that are a ReIDDataset'
                )
            for option in ('pipeline', 'split', 'on_unreadable'):
                if option in given:
                    raise ConfigError(
                        f'JoinedDataset: the member {given.get("type")} has its own '
                        f'{option}; state {option} once, next to datasets'
                    )
            config = {
                'data_root': self.data_root,
                'on_count_mismatch': self.on_count_mismatch,
                **given,
                'split': self.split,
                # The entries are taken from the member as they are, and the member dropped.
                'serialize_data': False,
                'lazy_init': False,
            }
            name = config.pop('name', None)
            member = DATASETS.build(config)
            name = str(name or member.name)
            same = find_two_spellings([*members, name])
            if name in members or same:
                raise ConfigError(
                    f'JoinedDataset: two members are called {name!r}'
                    + (f' ({describe_spellings(*same)})' if same else '')
                    + "; give each a name of its own, as in dict(type='Market1501', "
                    "name='market')"
                )
            members[name] = member
        if not members:
            raise ConfigError('JoinedDataset: datasets is empty; name at least one')
        return members
