"""What can be said of an image under a model: the ELBO and its terms."""

from .elbo import PointTerms, Terms, elbo, point_terms
from .estimate import Evidence
from .evidence.choice import log_evidence
from .expectation.gaussian import GaussianTerms, gaussian_kl, gaussian_terms, stretched
from .expectation.rules import Rule, gaussian_rule

__all__ = [
    "Evidence",
    "GaussianTerms",
    "PointTerms",
    "Rule",
    "Terms",
    "elbo",
    "gaussian_kl",
    "gaussian_rule",
    "gaussian_terms",
    "log_evidence",
    "point_terms",
    "stretched",
]
