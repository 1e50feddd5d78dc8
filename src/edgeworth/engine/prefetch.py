"""Ask the processor for memory that the walk will read soon; what it costs to wait for it was a tenth of a walk."""

from typing import Any

import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, overload


def soon(array: npt.NDArray[Any], index: int) -> None:
    """Have an element fetched that will be read soon; nothing else happens, and in plain Python nothing at all."""


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Write the prefetch instruction: for reading, to stay in all caches."""
    made = context.make_array(signature.args[0])(context, builder, arguments[0])
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    place = builder.bitcast(builder.gep(made.data, [arguments[1]]), byte)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    builder.call(
        builder.module.declare_intrinsic("llvm.prefetch", [byte], kind), [place, number(0), number(3), number(1)]
    )
    return context.get_dummy_value()


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:  # noqa: ARG001  (the form numba asks for)
    return types.void(array, types.int64), _emit


_compiled: Any = intrinsic(_prefetch)
_options: dict[str, Any] = {"_nrt": False}


def _soon(array, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001  (numba compares signatures)
    return lambda array, index: _compiled(array, index)  # noqa: PLW0108


overload(soon, jit_options=_options)(_soon)  # type: ignore[arg-type]
