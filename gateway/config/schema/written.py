"""What every mapping of the configuration has in common: known keys only, exact types, frozen."""

from datetime import date

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from gateway.config.schema.field import Day, mistake


class Written(BaseModel):
    """A mapping as it is written. The docstring under a field is its description (``described``)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class InForce(Written):
    """Something that holds from one day to another."""

    effective_from: Day
    """First day on which it is in force, in UTC."""
    effective_to: Day | None = None
    """First day on which it is no longer in force, in UTC; absent means open."""

    @field_validator("effective_to")
    @classmethod
    def _after_its_beginning(cls, value: date | None, info: ValidationInfo) -> date | None:
        begin = info.data.get("effective_from")
        if value is not None and begin is not None and value <= begin:
            raise mistake("is not after effective_from", "Write a later day, or leave effective_to out.")
        return value

    def in_force(self, on: date) -> bool:
        """Whether it holds on that UTC day."""
        return self.effective_from <= on and (self.effective_to is None or on < self.effective_to)
