"""What can be wrong with a model, one exception per next step. No detector is built here."""


class DetectorError(Exception):
    """A detector cannot be used; the message says why and what to do next.

    - `ModelNotFoundError`: the path is wrong.
    - `ModelUnreadableError`: the file is no model of its kind.
    - `ModelLayoutError`: the model loads, but its inputs or outputs have another meaning than ours.
    - `ScoreContractError`: the thresholds shipped with the model make no sense.
    - `BackendUnavailableError`: this kind of model needs something that is not here.
    """


class ModelNotFoundError(DetectorError):
    """There is no file at the model's path."""


class ModelUnreadableError(DetectorError):
    """The file exists but the runtime cannot load it."""


class ModelLayoutError(DetectorError):
    """The model's tensors have a layout that is not decoded here."""


class ScoreContractError(DetectorError):
    """The score thresholds beside the model are malformed or out of order."""


class BackendUnavailableError(DetectorError):
    """No backend for this kind of model file is available."""
