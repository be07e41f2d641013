"""With which codes the meshing children of the tests' own process end."""

from bim import mesh_share
from identity.errors import CityError


def tell(monkeypatch, add):
    """Let ``add`` know each code, as it comes."""
    real = mesh_share.call

    async def call(*args, **options):
        try:
            return await real(*args, **options)
        except CityError as error:
            add(error.code)
            raise

    monkeypatch.setattr(mesh_share, "call", call)
