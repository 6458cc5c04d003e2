"""
Confidence sequences: bounds on a rate that hold however often one looks, and whenever one stops.

The beta-binomial mixture of Robbins (1970), as in Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
nonasymptotic confidence sequences" (Annals of Statistics 49, 2021): the likelihood of what was seen under a mixture of
rates, over its likelihood under one rate, is a martingale if that rate is the true one. By Ville's inequality it is
ever at least 1 / alpha with a probability of at most alpha. The rates for which it never was so are kept.

`confseq`, which has this too, was last released in 2023 and is built from C++ when it is installed.
"""

from __future__ import annotations

from math import lgamma, log

ALPHA = 0.05
"""The chance that the bound is ever wrong, over all looks together."""
_PRIOR = 0.5
"""Both parameters of the mixture's beta distribution."""
_STEPS = 40


def upper_bound(found: int, of: int, alpha: float = ALPHA) -> float:
    """A rate which the true one does not exceed, of `found` in `of`; 1 while nothing was seen."""
    if found == of:
        return 1.0
    low, high = found / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _is_refuted(middle, found, of, alpha) else (middle, high)
    return high


def lower_bound(found: int, of: int, alpha: float = ALPHA) -> float:
    """A rate which the true one does not fall below."""
    return 1.0 - upper_bound(of - found, of, alpha) if of else 0.0


def _is_refuted(rate: float, found: int, of: int, alpha: float) -> bool:
    """For a rate strictly between 0 and 1."""
    mixed = _log_beta(found + _PRIOR, of - found + _PRIOR) - _log_beta(_PRIOR, _PRIOR)
    return mixed - found * log(rate) - (of - found) * log(1 - rate) >= -log(alpha)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
