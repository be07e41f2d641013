"""Where the built page lies: made by `npm run build` in viewer/web, packed into the wheel."""

from pathlib import Path


def page() -> Path:
    """Return the folder of the built page (index.html, assets/); it may not be built yet."""
    return Path(__file__).parent / "dist"
