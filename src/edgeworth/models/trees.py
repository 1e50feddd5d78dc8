"""Boosted trees that start from the market's log-odds: XGBoost by base margin, LightGBM by initial score."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.models.examples import Examples

if TYPE_CHECKING:
    import lightgbm
    import xgboost

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
_THREADS = re.compile(r"\[num_threads: \d+\]")


def _shares(gains: Floats) -> Floats:
    total = gains.sum()
    return np.asarray(gains / total if total > 0 else gains, dtype=np.float64)


class XgbFitted:
    """XGBoost trees whose sum is the correction."""

    kind = "xgb"

    def __init__(self, booster: "xgboost.Booster", columns: int) -> None:
        self._booster, self._columns = booster, columns

    def _matrix(self, x: Float32s) -> "xgboost.DMatrix":
        import xgboost

        return xgboost.DMatrix(x, base_margin=np.zeros(len(x), dtype=np.float32), nthread=1)

    def correct(self, x: Float32s) -> Floats:
        """Return corrections for rows (n, K), in log-odds."""
        return self._booster.predict(self._matrix(x), output_margin=True).astype(np.float64)

    def contributions(self, x: Float32s) -> Floats:
        """Return SHAP values, shape (n, K + 1), the base last (Lundberg and Lee 2017, exact for trees)."""
        return self._booster.predict(self._matrix(x), pred_contribs=True).astype(np.float64)

    def importance(self) -> Floats:
        """Return total gain per feature, summing to 1."""
        gains = np.zeros(self._columns)
        for name, gain in self._booster.get_score(importance_type="total_gain").items():
            gains[int(name.removeprefix("f"))] = gain
        return _shares(gains)

    def dump(self) -> list[str]:
        """Return the trees as the library writes them in JSON, one text each."""
        return self._booster.get_dump(dump_format="json")

    def save(self) -> Mapping[str, bytes]:
        """Return the booster in UBJ, with the number of columns."""
        raw = bytes(self._booster.save_raw("ubj"))
        about = {"columns": self._columns, "sha256": hashlib.sha256(raw).hexdigest()}
        return {"xgb.ubj": raw, "xgb.json": json.dumps(about).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "XgbFitted":
        """Read what `save` wrote; raises DataError model-corrupt.

        The checksum is compared first: the library ends the process on some damaged files.
        """
        import xgboost

        booster = xgboost.Booster()
        try:
            about, raw = json.loads(files["xgb.json"]), files["xgb.ubj"]
            if about["sha256"] != hashlib.sha256(raw).hexdigest():
                raise ValueError("its checksum differs")
            booster.load_model(bytearray(raw))
            return cls(booster, int(about["columns"]))
        except (xgboost.core.XGBoostError, ValueError, KeyError, TypeError) as error:
            raise DataError("model-corrupt", f"the saved XGBoost model cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class XgbLearner:
    """Settings of the boosting; few, shallow, slow trees, because mispricing is faint."""

    rounds: int = 150
    rate: float = 0.03
    depth: int = 3
    least_weight: float = 60.0
    ridge: float = 10.0
    rows: float = 0.6
    columns: float = 0.6
    bins: int = 64
    threads: int = 1
    kind: str = "xgb"

    def prepare(self, examples: Examples) -> "xgboost.QuantileDMatrix":
        """Return the examples in bins, from the market's log-odds as base margin; fits with other settings share it."""
        import xgboost

        return xgboost.QuantileDMatrix(
            examples.x,
            label=examples.label,
            weight=examples.weight,
            base_margin=examples.offset,
            max_bin=self.bins,
            nthread=self.threads,
        )

    def fit(self, examples: Examples, seed: int) -> XgbFitted:
        """Fit from the market's log-odds as base margin."""
        return self.fit_prepared(self.prepare(examples), seed)

    def fit_prepared(self, prepared: "xgboost.QuantileDMatrix", seed: int) -> XgbFitted:
        """Fit on what `prepare` made; the same as `fit`."""
        import xgboost

        parameters: dict[str, Any] = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "base_score": 0.5,
            "eta": self.rate,
            "max_depth": self.depth,
            "min_child_weight": self.least_weight * 0.25,  # in units of p(1-p), at most a quarter a row
            "lambda": self.ridge,
            "subsample": self.rows,
            "colsample_bytree": self.columns,
            "max_bin": self.bins,
            "seed": seed,
            "nthread": self.threads,
            "verbosity": 0,
        }
        return XgbFitted(xgboost.train(parameters, prepared, self.rounds), prepared.num_col())


class LgbmFitted:
    """LightGBM trees whose sum is the correction."""

    kind = "lgbm"

    def __init__(self, booster: "lightgbm.Booster") -> None:
        self._booster = booster

    def correct(self, x: Float32s) -> Floats:
        """Return corrections for rows (n, K), in log-odds."""
        return np.asarray(self._booster.predict(x, raw_score=True, num_threads=1), dtype=np.float64)

    def contributions(self, x: Float32s) -> Floats:
        """Return SHAP values, shape (n, K + 1), the base last."""
        return np.asarray(self._booster.predict(x, pred_contrib=True, num_threads=1), dtype=np.float64)

    def importance(self) -> Floats:
        """Return total gain per feature, summing to 1."""
        return _shares(np.asarray(self._booster.feature_importance("gain"), dtype=np.float64))

    def dump(self) -> list[dict[str, Any]]:
        """Return the trees as the library describes them."""
        trees: list[dict[str, Any]] = self._booster.dump_model()["tree_info"]
        return trees

    def save(self) -> Mapping[str, bytes]:
        """Return LightGBM's own text, with its checksum; the number of threads, which changes no tree, is left out."""
        text = _THREADS.sub("[num_threads: 0]", self._booster.model_to_string()).encode()
        return {"lgbm.txt": text, "lgbm.json": json.dumps({"sha256": hashlib.sha256(text).hexdigest()}).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "LgbmFitted":
        """Read what `save` wrote; raises DataError model-corrupt. The checksum is compared first, as for XGBoost."""
        import lightgbm

        if json.loads(files["lgbm.json"])["sha256"] != hashlib.sha256(files["lgbm.txt"]).hexdigest():
            raise DataError("model-corrupt", "the saved LightGBM model differs from its checksum")
        return cls(lightgbm.Booster(model_str=files["lgbm.txt"].decode()))


@dataclass(frozen=True, slots=True)
class LgbmLearner:
    """Settings of the boosting; as for XGBoost, with leaves instead of depth."""

    rounds: int = 180
    rate: float = 0.03
    leaves: int = 6
    least_rows: int = 150
    ridge: float = 10.0
    rows: float = 0.6
    columns: float = 0.6
    bins: int = 63
    threads: int = 1
    kind: str = "lgbm"

    def prepare(self, examples: Examples) -> "lightgbm.Dataset":
        """Return the examples in bins, from the market's log-odds as initial score; fits with other settings share it.

        No column is dropped for the leaf size of one setting (`feature_pre_filter`).
        """
        import lightgbm

        parameters = {**self._binning(), "verbosity": -1, "num_threads": self.threads}
        return lightgbm.Dataset(
            examples.x,
            label=examples.label,
            weight=examples.weight,
            init_score=examples.offset,
            params=parameters,
        ).construct()

    def _binning(self) -> dict[str, Any]:
        return {"max_bin": self.bins, "feature_pre_filter": False}

    def fit(self, examples: Examples, seed: int) -> LgbmFitted:
        """Fit from the market's log-odds as initial score."""
        return self.fit_prepared(self.prepare(examples), seed)

    def fit_prepared(self, prepared: "lightgbm.Dataset", seed: int) -> LgbmFitted:
        """Fit on what `prepare` made; the same as `fit`."""
        import lightgbm

        parameters: dict[str, Any] = {
            "objective": "binary",
            "boost_from_average": False,
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.least_rows,
            "lambda_l2": self.ridge,
            "bagging_fraction": self.rows,
            "bagging_freq": 1,
            "feature_fraction": self.columns,
            **self._binning(),
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }
        return LgbmFitted(lightgbm.train(parameters, prepared, self.rounds))
