"""The mapping file of ``gateway reconcile``: what a provider's file calls the things that the gateway knows."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gateway.core.finance.reconciliation.charge_table import Columns

FILE_BYTES_MAX = 256 * 1024
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class BadMapping(Exception):
    """The mapping cannot be used. Its text says what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ColumnNames(_Part):
    """Which column is what; only ``day`` and ``amount`` must be there."""

    day: _Name
    amount: _Name
    currency: _Name | None = None
    model: _Name | None = None
    request_id: _Name | None = None
    requests: _Name | None = None
    images: _Name | None = None
    key: _Name | None = None
    account: _Name | None = None
    category: _Name | None = None


class Mapping(_Part):
    """``columns`` describe a table of no known format; ``models`` (glob: upstream model) hold for every format."""

    columns: ColumnNames | None = None
    day_format: str = ""
    decimal_mark: Annotated[str, Field(pattern="^[.,]$")] = "."
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    currency_code: Annotated[str, Field(pattern="^([A-Z]{3})?$")] = ""
    credits: list[_Name] = []
    models: dict[_Name, _Name] = {}

    def table(self) -> Columns | None:
        """``None`` where it describes no table."""
        if self.columns is None:
            return None
        named: dict[str, Any] = {name: (column,) if column else () for name, column in self.columns.model_dump().items()}
        return replace(
            Columns(**named),
            day_formats=(self.day_format,),
            decimal_mark=self.decimal_mark,
            currency_code=self.currency_code,
            credits=frozenset(it.lower() for it in self.credits),
        )


def mapping_of(path: Path) -> Mapping:
    """Raises ``BadMapping``."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise BadMapping(f"{path} is larger than {FILE_BYTES_MAX} bytes: it is no mapping.")
        return Mapping.model_validate(YAML(typ="safe").load(content) or {})
    except OSError as error:
        raise BadMapping(f"{path} cannot be read: {error.strerror}.") from error
    except (YAMLError, ValueError) as error:
        if not isinstance(error, ValidationError):
            raise BadMapping(f"{path} is not valid YAML: {str(error).splitlines()[0]}") from error
        problems = "; ".join(f"{'.'.join(map(str, it['loc'])) or 'file'}: {it['msg']}" for it in error.errors())
        raise BadMapping(f"{path}: {problems}. docs/reconcile.md has an example.") from error
