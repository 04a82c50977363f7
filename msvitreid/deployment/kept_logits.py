from __future__ import annotations

import numpy as np
from openvino import DiscreteTypeInfo, Op

from msvitreid.models.kernels import select_largest

#: Rows sorted at once: their sorted copy stays in the cache.
BLOCK_ROWS = 2048


class KeptLogits(Op):
    """An operation for OpenVINO: exactly the ``k`` largest numbers of every row, else ``-inf``.

    Of numbers that equal the k-th largest the first ones are kept. OpenVINO's own TopK takes ten
    times as long as NumPy's vectorized sort of short rows. NumPy releases Python's lock meanwhile,
    so several streams can sort at a time.

    Args:
        inputs: one node of ``(..., n)`` float32; the output has the same shape. OpenVINO leaves
            it out where it only asks for the kind of operation.
        k: from 1 to ``n``.
    """

    class_type_info = DiscreteTypeInfo('KeptLogits', 'msvitreid')

    def __init__(self, inputs: list | None = None, k: int = 1) -> None:
        super().__init__(self, *([] if inputs is None else [inputs]))
        self.k = k
        if inputs is not None:
            self.constructor_validate_and_infer_types()

    def validate_and_infer_types(self) -> None:
        self.set_output_type(0, self.get_input_element_type(0), self.get_input_partial_shape(0))

    def clone_with_new_inputs(self, new_inputs: list) -> KeptLogits:
        return KeptLogits(new_inputs, self.k)

    def get_type_info(self) -> DiscreteTypeInfo:
        return KeptLogits.class_type_info

    def has_evaluate(self) -> bool:
        return True

    def visit_attributes(self, visitor: object) -> bool:
        visitor.on_attributes({'k': self.k})  # type: ignore[attr-defined]
        return True

    def evaluate(self, outputs: list, inputs: list) -> bool:
        numbers, kept = inputs[0].data, outputs[0].data
        length = numbers.shape[-1]
        rows, results = numbers.reshape(-1, length), kept.reshape(-1, length)
        for start in range(0, len(rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            thresholds, surplus, masks = select_largest(rows[block], self.k)
            result = results[block]
            np.copyto(result, rows[block])
            np.putmask(result, rows[block] < thresholds, -np.inf)
            if len(surplus):
                numbers = rows[block][surplus]
                np.putmask(numbers, ~masks, -np.inf)
                result[surplus] = numbers
        return True
