"""Which models a process asks: names lead to classes, and only a name that asks for an SDK loads one."""

from chimera.gateways.models.composer.model import ComposerModel
from chimera.gateways.models.types import COMPOSER, Model
from chimera.settings import Settings


def model_of(settings: Settings) -> Model:
    """The models of all roles. Invalid when a name cannot be made into one."""
    names = settings.model_names()
    if all(name == COMPOSER for chain in names.values() for name in chain):
        return ComposerModel()
    from chimera.gateways.models.gateway import ModelGateway

    return ModelGateway(names, base_url=settings.model_base_url)
