"""A small neural network of mispricing: an embedded category, standardised numbers, the market's log-odds as start.

Several nets from different seeds are averaged; each stops early on a validation block that lies after its training rows
and shares no event with them. The last layer starts at zero, so an untrained net is the market. Needs the `neural`
extra; saved as safetensors and JSON.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, UsageError
from edgeworth.models.examples import Examples
from edgeworth.models.linear import Scaling

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_PREFIX = "is_"  # columns of one category, exactly one of which is 1
_STEPS = 16  # of the path integral behind the explanations
_VALIDATION = 0.2
_BATCH = 512


def need_torch() -> Any:
    """Return the torch module; raises UsageError extra-missing without it."""
    try:
        import torch
    except ImportError as error:
        words = "the neural network needs torch"
        raise UsageError("extra-missing", words, "pip install 'edgeworth[neural]'") from error
    return torch


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns are numbers and which are flags of one category."""

    numbers: tuple[int, ...]
    flags: tuple[int, ...]

    @classmethod
    def of(cls, names: tuple[str, ...]) -> "Layout":
        """Sort columns by name."""
        flags = tuple(i for i, name in enumerate(names) if name.startswith(_PREFIX))
        return cls(tuple(i for i in range(len(names)) if i not in flags), flags)

    def split(self, x: Float32s, scaling: Scaling) -> tuple[Float32s, Ints]:
        """Return standardised numbers with flags of what is unknown beside them, and the category (0 = none)."""
        numbers = x[:, self.numbers]
        z = scaling.apply(numbers).astype(np.float32)
        unknown = (~np.isfinite(numbers)).astype(np.float32)
        if not self.flags:
            return np.concatenate([z, unknown], axis=1), np.zeros(len(x), dtype=np.int64)
        flags = np.nan_to_num(x[:, self.flags])
        category = np.where(flags.max(axis=1) > 0.5, flags.argmax(axis=1) + 1, 0)
        return np.concatenate([z, unknown], axis=1), category.astype(np.int64)


@dataclass(frozen=True, slots=True)
class NeuralLearner:
    """Settings of the network; `seeds` nets are averaged."""

    hidden: tuple[int, ...] = (32, 16)
    embedding: int = 4
    dropout: float = 0.2
    rate: float = 2e-3
    decay: float = 1e-2
    epochs: int = 60
    patience: int = 8
    seeds: int = 3
    threads: int = 1
    kind: str = "nn"

    def fit(self, examples: Examples, seed: int) -> "NeuralFitted":
        """Fit the nets on the CPU; equal examples, seed and versions give equal bytes."""
        torch = need_torch()
        layout = Layout.of(examples.names)
        scaling = Scaling.learn(examples.x[:, layout.numbers])
        with _deterministic(torch, self.threads):
            nets = [self._fit_one(torch, examples, layout, scaling, seed * 1_000 + k) for k in range(self.seeds)]
        fitted = NeuralFitted(nets, layout, scaling, np.zeros(len(examples.names)), self)
        shares = np.abs(fitted.contributions(examples.x[:2_000])[:, :-1]).mean(axis=0)
        total = shares.sum()
        return NeuralFitted(nets, layout, scaling, shares / total if total > 0 else shares, self)

    def _fit_one(
        self, torch: Any, examples: Examples, layout: Layout, scaling: Scaling, seed: int
    ) -> "torch.nn.Module":
        torch.manual_seed(seed)
        net = build_net(torch, self, len(layout.numbers), len(layout.flags))
        train, held = _validation(examples)
        parts = _tensors(torch, examples, layout, scaling)
        optimiser = torch.optim.AdamW(net.parameters(), lr=self.rate, weight_decay=self.decay)
        order = torch.Generator().manual_seed(seed)
        best, waited, kept = float("inf"), 0, {k: v.clone() for k, v in net.state_dict().items()}
        for _ in range(self.epochs):
            net.train()
            for rows in torch.randperm(len(train), generator=order).split(_BATCH):
                optimiser.zero_grad()
                _loss(torch, net, parts, torch.from_numpy(train)[rows]).backward()
                optimiser.step()
            net.eval()
            with torch.no_grad():
                value = float(_loss(torch, net, parts, torch.from_numpy(held)))
            if value < best - 1e-6:
                best, waited, kept = value, 0, {k: v.clone() for k, v in net.state_dict().items()}
            else:
                waited += 1
                if waited > self.patience:
                    break
        net.load_state_dict(kept)
        net.eval()
        return net


class NeuralFitted:
    """The mean correction of several nets."""

    kind = "nn"

    def __init__(
        self,
        nets: "list[torch.nn.Module]",
        layout: Layout,
        scaling: Scaling,
        importance: Floats,
        settings: NeuralLearner,
    ) -> None:
        self._nets, self._layout, self._scaling = nets, layout, scaling
        self._importance, self._settings = importance, settings

    def correct(self, x: Float32s) -> Floats:
        """Return corrections for rows (n, K), in log-odds."""
        torch = need_torch()
        numbers, category = self._layout.split(x, self._scaling)
        with _deterministic(torch, 1), torch.no_grad():
            inputs = torch.from_numpy(numbers), torch.from_numpy(category)
            said = torch.stack([net(*inputs) for net in self._nets]).mean(dim=0)
        return np.asarray(said.numpy(), dtype=np.float64)

    def contributions(self, x: Float32s) -> Floats:
        """Return integrated gradients from the mean row, shape (n, K + 1), the base last; they sum to the correction.

        What the path integral of 16 steps misses is spread in proportion. Source: Sundararajan, Taly and Yan, ICML
        2017. The category's share stands in the column of its flag.
        """
        torch = need_torch()
        numbers, category = self._layout.split(x, self._scaling)
        size = len(self._layout.numbers)
        result = np.zeros((len(x), x.shape[1] + 1))
        with _deterministic(torch, 1):
            z, c = torch.from_numpy(numbers), torch.from_numpy(category)
            none = torch.zeros_like(c)
            slopes = torch.zeros_like(z)
            for step in range(_STEPS):
                point = (z * ((step + 0.5) / _STEPS)).requires_grad_(True)
                value = torch.stack([net(point, c) for net in self._nets]).mean(dim=0).sum()
                (slope,) = torch.autograd.grad(value, point)
                slopes = slopes + slope / _STEPS
            with torch.no_grad():
                base = torch.stack([net(torch.zeros_like(z), none) for net in self._nets]).mean(dim=0).numpy()
                known = torch.stack([net(torch.zeros_like(z), c) for net in self._nets]).mean(dim=0).numpy()
        parts = (slopes * z).detach().numpy().astype(np.float64)
        shares = parts[:, :size] + parts[:, size:]
        missing = self.correct(x) - known - shares.sum(axis=1)
        weight = np.abs(shares) / np.maximum(np.abs(shares).sum(axis=1, keepdims=True), 1e-12)
        result[:, list(self._layout.numbers)] = shares + weight * missing[:, None]
        for flag, column in enumerate(self._layout.flags):
            mine = category == flag + 1
            result[mine, column] = (known - base)[mine]
        result[:, -1] = self.correct(x) - result[:, :-1].sum(axis=1)
        return result

    def importance(self) -> Floats:
        """Return the mean absolute share of each feature on training rows, summing to 1."""
        return self._importance

    def save(self) -> Mapping[str, bytes]:
        """Return the weights as safetensors, and everything else as JSON with their checksum."""
        from safetensors.torch import save

        tensors = {f"{i}.{k}": v.contiguous() for i, net in enumerate(self._nets) for k, v in net.state_dict().items()}
        raw = save(tensors)
        about = {
            "sha256": hashlib.sha256(raw).hexdigest(),
            "nets": len(self._nets),
            "numbers": self._layout.numbers,
            "flags": self._layout.flags,
            "centre": self._scaling.centre.tolist(),
            "width": self._scaling.width.tolist(),
            "importance": self._importance.tolist(),
            "hidden": self._settings.hidden,
            "embedding": self._settings.embedding,
        }
        return {"nn.safetensors": raw, "nn.json": json.dumps(about).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "NeuralFitted":
        """Read what `save` wrote; raises DataError model-corrupt, UsageError extra-missing."""
        torch = need_torch()
        from safetensors.torch import load

        about, raw = json.loads(files["nn.json"]), files["nn.safetensors"]
        if about["sha256"] != hashlib.sha256(raw).hexdigest():
            raise DataError("model-corrupt", "the saved network differs from its checksum")
        tensors = load(raw)
        layout = Layout(tuple(about["numbers"]), tuple(about["flags"]))
        settings = NeuralLearner(hidden=tuple(about["hidden"]), embedding=about["embedding"])
        nets = []
        for number in range(about["nets"]):
            net = build_net(torch, settings, len(layout.numbers), len(layout.flags))
            own = f"{number}."
            net.load_state_dict({k.removeprefix(own): v for k, v in tensors.items() if k.startswith(own)})
            net.eval()
            nets.append(net)
        scaling = Scaling(np.array(about["centre"]), np.array(about["width"]))
        return cls(nets, layout, scaling, np.array(about["importance"]), settings)


def build_net(torch: Any, settings: NeuralLearner, numbers: int, flags: int) -> "torch.nn.Module":
    """Return a net of (numbers with their flags of absence, category) -> correction; the last layer starts at zero."""

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.category = torch.nn.Embedding(flags + 1, settings.embedding)
            layers: list[Any] = []
            width = 2 * numbers + settings.embedding
            for size in settings.hidden:
                layers += [torch.nn.Linear(width, size), torch.nn.ReLU(), torch.nn.Dropout(settings.dropout)]
                width = size
            self.body = torch.nn.Sequential(*layers)
            self.head = torch.nn.Linear(width, 1)
            torch.nn.init.zeros_(self.head.weight)
            torch.nn.init.zeros_(self.head.bias)

        def forward(self, z: Any, category: Any) -> Any:
            return self.head(self.body(torch.cat([z, self.category(category)], dim=1))).squeeze(1)

    return Net()


def _validation(examples: Examples) -> tuple[Ints, Ints]:
    """Return (train, held): the last fifth of time is held, train rows end before it in label and share no event."""
    cut = np.quantile(examples.t, 1.0 - _VALIDATION)
    held = examples.t >= cut
    train = ~held & (examples.known_at <= cut) & ~np.isin(examples.event, examples.event[held])
    if train.sum() < 20 or held.sum() < 20:  # too short a history: the last rows validate, whatever their labels' lag
        order = np.argsort(examples.t, kind="stable")
        size = max(1, len(order) // 5)
        return order[:-size], order[-size:]
    return np.flatnonzero(train), np.flatnonzero(held)


def _tensors(torch: Any, examples: Examples, layout: Layout, scaling: Scaling) -> tuple[Any, ...]:
    numbers, category = layout.split(examples.x, scaling)
    columns = (examples.offset, examples.label, examples.weight / examples.weight.mean())
    return (
        torch.from_numpy(numbers),
        torch.from_numpy(category),
        *(torch.from_numpy(column.astype(np.float32)) for column in columns),
    )


def _loss(torch: Any, net: Any, parts: tuple[Any, ...], rows: Any) -> Any:
    numbers, category, offset, label, weight = (part[rows] for part in parts)
    z = offset + net(numbers, category)
    each = torch.nn.functional.binary_cross_entropy_with_logits(z, label, reduction="none")
    return (each * weight).sum() / weight.sum()


@contextmanager
def _deterministic(torch: Any, threads: int) -> Iterator[None]:
    """Run with a fixed number of threads and deterministic kernels, and put everything back."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict)
