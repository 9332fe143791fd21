"""What contracts say of the handling of data, and what apps demand of it, from what is written."""

from gateway.config.schema import app, contract
from gateway.core.contract.data_policy import DataPolicy, Demand, Handling, SubjectTerms


def handling_of(written: contract.Handling) -> Handling:
    """A contract's terms, as the core compares them."""
    return Handling(**{subject: SubjectTerms(**dict(terms)) for subject, terms in written})


def policy_of(written: app.DataPolicy) -> DataPolicy:
    """An app's demands, as the core compares them."""
    return DataPolicy(**{subject: _demand(demand) for subject, demand in written})


def _demand(written: app.Demand) -> Demand:
    return Demand(**dict(written) | {"regions": None if written.regions is None else frozenset(written.regions)})
