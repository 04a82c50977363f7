"""Errors a user can correct: one sentence naming the file, key or option."""

#: What a run that was asked to stop exits with: EX_TEMPFAIL, "try again".
PREEMPTED = 75


class ReIDError(ValueError):
    """Base of everything the tools report as one sentence with exit code 2."""


class ConfigError(ReIDError):
    """A config, an option or a component name is wrong."""


class DatasetError(ReIDError):
    """A dataset's root, list, file name or image is unusable."""


class CheckpointError(ReIDError):
    """A weights or checkpoint file is missing, unsafe or does not fit."""


class OutputError(ReIDError):
    """A file or folder cannot be written: no space, no permission, or it was removed."""


class GalleryError(ReIDError):
    """A gallery is missing, damaged or in use, or what it is given or asked does not fit it."""


class CalibrationError(ReIDError):
    """A calibration card is unusable or of another model, or data do not suffice for one."""


class ReviewError(ReIDError):
    """A file of marks is unusable, or a mark is wrong or contradicts others."""
