from __future__ import annotations

import logging
import os
import shutil

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

#: What the tools report as a sentence; after others, such as a lack of memory, the log helps.
SHOWN_AS_SENTENCE = (ImportError, OSError, TypeError, ValueError)


class StartLog:
    """Removes the log folder of a start that is refused: the error says all that is in it.

    Attributes:
        is_over: whether the run has started; from then on its log stays.
    """

    def __init__(self, runner: Runner) -> None:
        self.is_over = False
        self._runner = runner
        self._folder: str | None = None

    def goes_to(self, folder: str) -> None:
        """Name the folder, before it is made; that of another start of the same second stays."""
        if is_main_process() and not os.path.exists(folder):
            self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        refused = kind is not None and issubclass(kind, SHOWN_AS_SENTENCE)
        if not refused or self.is_over or not self._folder:
            return
        # mmengine keeps loggers and visualizers by name; the next start would take them over.
        name = getattr(self._runner, '_experiment_name', '')
        Visualizer._instance_dict.pop(name, None)
        logger = MMLogger._instance_dict.pop(name, None)
        for handler in logger.handlers if logger is not None else ():
            if isinstance(handler, logging.FileHandler):
                handler.close()
        shutil.rmtree(self._folder, ignore_errors=True)
