"""Where the published data sets are downloaded; the authors' pages say so, with sizes as far as they state them."""

from __future__ import annotations

from padbench.downloads.sources import DataSource, RemoteFile

_DRIVE = "https://drive.google.com/file/d/{}/view"
_CHAIRS = "https://huggingface.co/datasets/ankankbhunia/brokenchairs180k/resolve/main"
_NOT_STATED = "not stated by its authors"

_SOURCES = (
    DataSource(
        name="mad",
        title="MAD-Sim: 20 LEGO models, simulated",
        reader="mad",
        licence="CC BY-NC-SA 4.0",
        page="https://github.com/EricLee0224/PAD",
        files=(RemoteFile("MAD-Sim.zip", _DRIVE.format("1XlW5v_PCXMH49RSKICkskKjd2A5YDMQq"), 970_000_000),),
    ),
    DataSource(
        name="mad-real",
        title="MAD-Real: LEGO models, photographed",
        reader="mad-real",
        licence="CC BY-NC-SA 4.0",
        page="https://github.com/EricLee0224/PAD",
        files=(RemoteFile("MAD-Real.zip", _DRIVE.format("146sKbkUUFW7xJTG2LGm_OgXjMX3fDNxN"), 2_190_000_000),),
    ),
    DataSource(
        name="rad",
        title="RAD: 18 objects on a table, with masks",
        reader="rad",
        licence=_NOT_STATED,
        page="https://github.com/kaichen-z/RAD",
        files=(RemoteFile("RAD_with_mask.zip", _DRIVE.format("1p3v2FeNlHinXFCTZzZujhYhCGUiOL38G"), None),),
    ),
    DataSource(
        name="rad-without-masks",
        title="RAD: 18 objects on a table, without masks",
        reader="rad",
        licence=_NOT_STATED,
        page="https://github.com/kaichen-z/RAD",
        files=(RemoteFile("RAD_without_mask.zip", _DRIVE.format("1cPeHh69vErvC3yZSejyxU4SNK9fVlJWL"), None),),
    ),
    DataSource(
        name="brokenchairs",
        title="BrokenChairs-180K: chairs with defects, rendered",
        reader="brokenchairs",
        licence=_NOT_STATED,
        page="https://github.com/VICO-UoE/Looking3D",
        files=(
            # The sizes, rounded, are what the archives become; the Hub says how long they are when they are fetched.
            RemoteFile("split.json", f"{_CHAIRS}/split.json", None, archive=False),
            RemoteFile("annotations.zip", f"{_CHAIRS}/annotations.zip", None, 2_000_000_000, into="annotations"),
            RemoteFile("shapes.zip", f"{_CHAIRS}/shapes.zip", None, 14_000_000_000, into="shapes"),
            RemoteFile("images.zip", f"{_CHAIRS}/images.zip", None, 21_000_000_000, into="images"),
        ),
    ),
)

DOWNLOADS: dict[str, DataSource] = {source.name: source for source in _SOURCES}
