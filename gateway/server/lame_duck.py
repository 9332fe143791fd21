"""The time between the order to stop and the end of listening: balancers and clients learn that they should go elsewhere."""

from dataclasses import dataclass


@dataclass(slots=True)
class LameDuck:
    """Once ``begun``, ``/readyz`` is 503 and each answer closes its connection; everything is served as before."""

    begun: bool = False
