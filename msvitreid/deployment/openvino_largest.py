from __future__ import annotations

from typing import Any

from openvino import DiscreteTypeInfo, Op

from msvitreid.models.kernels import select_largest

#: Rows sorted at once: their sorted copy stays in the cache.
BLOCK_ROWS = 2048


class RowLimits(Op):
    """An operation for OpenVINO: what separates the ``k`` largest numbers of a row from the others.

    They are the numbers above the row's threshold, and those equal to it up to a position. Both
    are found here; OpenVINO compares, in one pass. Its own TopK takes ten times as long as
    NumPy's vectorized sort of short rows. NumPy releases Python's lock meanwhile, so several
    streams can sort at a time.

    Args:
        inputs: one node of ``(..., n)`` float32; the output is ``(..., 2)``: the k-th largest
            number, and the last position at which a number equal to it is kept. OpenVINO leaves
            it out where it only asks for the kind of operation.
        k: from 1 to ``n``.
    """

    class_type_info = DiscreteTypeInfo('RowLimits', 'msvitreid')

    def __init__(self, inputs: list[Any] | None = None, k: int = 1) -> None:
        super().__init__(self, *([] if inputs is None else [inputs]))
        self.k = k
        if inputs is not None:
            self.constructor_validate_and_infer_types()

    def validate_and_infer_types(self) -> None:
        shape = self.get_input_partial_shape(0)
        shape[shape.rank.get_length() - 1] = 2
        self.set_output_type(0, self.get_input_element_type(0), shape)

    def clone_with_new_inputs(self, new_inputs: list[Any]) -> RowLimits:
        return RowLimits(new_inputs, self.k)

    def get_type_info(self) -> DiscreteTypeInfo:
        return RowLimits.class_type_info

    def has_evaluate(self) -> bool:
        return True

    def visit_attributes(self, visitor: object) -> bool:
        visitor.on_attributes({'k': self.k})  # type: ignore[attr-defined]
        return True

    def evaluate(self, outputs: list[Any], inputs: list[Any]) -> bool:
        numbers = inputs[0].data
        length = numbers.shape[-1]
        rows, limits = numbers.reshape(-1, length), outputs[0].data.reshape(-1, 2)
        limits[:, 1] = length
        for start in range(0, len(rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            thresholds, tied, dropped, _ = select_largest(rows[block], self.k)
            limits[block, :1] = thresholds
            if len(tied):
                equal = ~dropped & (rows[block][tied] == thresholds[tied])
                limits[block][tied, 1] = length - 1 - equal[:, ::-1].argmax(axis=1)
        return True
