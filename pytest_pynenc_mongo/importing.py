"""Why a module of the user's cannot be imported: the line of theirs that failed."""

import sysconfig
import traceback
from pathlib import Path

_PACKAGE = str(Path(__file__).parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def why_failed(error: BaseException) -> str:
    """Return what an import failed with, and where in the user's own files; or what is not found."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg}{_at(error.filename, error.lineno, error.text)}"
    frame = _frame_of_the_users(error)
    if frame is not None:
        return f"{said}{_at(frame.filename, frame.lineno, frame.line)}"
    if isinstance(error, ModuleNotFoundError):
        return f"{said}; name its folder in pytest's ini pythonpath, or install it"
    return said


def _frame_of_the_users(error: BaseException) -> traceback.FrameSummary | None:
    """Return the last call in a file that is neither a library's nor ours."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame for frame in reversed(frames) if _is_of_users(frame.filename)), None)


def _is_of_users(file: str) -> bool:
    return not file.startswith(("<", _PACKAGE, *_LIBRARIES))


def _at(file: str, line: int | None, text: str | None) -> str:
    path = Path(file)
    here = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f", at {here}:{line}: {(text or '').strip()}"
