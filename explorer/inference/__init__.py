"""What can be said of an image under a model: the ELBO and its terms."""

from .elbo import PointTerms, Terms, elbo, point_terms
from .gaussian import GaussianTerms, gaussian_kl, gaussian_terms, stretched
from .rules import Rule, gaussian_rule

__all__ = [
    "GaussianTerms",
    "PointTerms",
    "Rule",
    "Terms",
    "elbo",
    "gaussian_kl",
    "gaussian_rule",
    "gaussian_terms",
    "point_terms",
    "stretched",
]
