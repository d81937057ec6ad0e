"""Where data sets come from. A plugin keeps a table of `DataSource`; importing this module imports no network code.

The table is `dict[str, DataSource]`, named on the package as `padbench_downloads = "module:TABLE"`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from padbench.data_root import data_root
from padbench.errors import UserError
from padbench.plugins import Plugins


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    name: what it is called here while it is fetched. url: a page of Google Drive (.../file/d/ID/view), a file of the
    Hugging Face Hub (.../resolve/REVISION/PATH) or any other file. size: bytes, may be rounded; None where nobody says.
    unpacked: bytes it becomes, None for about as many. sha256: None where the publisher prints none. archive: a zip or
    tar (also compressed), else a file that is kept as it is. into: the folder below the root that it is unpacked into.
    """

    name: str
    url: str
    size: int | None
    unpacked: int | None = None
    sha256: str | None = None
    archive: bool = True
    into: str = ""


@dataclass(frozen=True)
class DataSource:
    """A data set that can be downloaded.

    name: what a person asks for, and the name of its folder. title: in full. reader: the registered data set that reads
    and checks it. page: where the authors present it.
    """

    name: str
    title: str
    reader: str
    licence: str
    page: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int | None:
        """Bytes to fetch, None where one of the files has no size."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def unpacked(self) -> int | None:
        """Bytes of its archives on the disk at the end, None where they are not known."""
        sizes = [file.unpacked or file.size for file in self.files if file.archive]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def folder(self, data: Path | None) -> Path:
        """Where it is put: the subfolder of its name of `data`, else of the data root."""
        return (data.expanduser() if data else data_root()) / self.name


def data_sources(plugins: Plugins) -> dict[str, DataSource]:
    """All sources that plugins name, by name; raises UserError where two have one name."""
    found: dict[str, DataSource] = {}
    for origin, source in plugins.tabled("padbench_downloads"):
        if source.name in found:
            raise UserError(f"two plugins say where {source.name!r} is downloaded, one is {origin}: uninstall it")
        found[source.name] = source
    return found


def spoken_size(size: int | None) -> str:
    """Bytes as a person says them: "970 MB", "21 GB"; "?" for None."""
    if size is None:
        return "?"
    if size >= 100e9:
        return f"{size / 1e9:,.0f} GB"
    if size >= 1e9:
        return f"{size / 1e9:.3g} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
