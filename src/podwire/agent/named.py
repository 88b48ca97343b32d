"""A process that the backend knows: what the agent calls it, and the id that it was given."""

from dataclasses import dataclass

from podwire.model.process import Entity


@dataclass(frozen=True, slots=True)
class Named:
    """A registered process."""

    entity: Entity
    process_id: str

    @property
    def of(self) -> tuple[str, str]:
        """The service and instance that it is part of."""
        return self.entity.service, self.entity.instance
