"""HDR and wide colours come out as BT.709: the formulas, the table, and whole files."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from clips import corners
from fomm_rt.media.read.colour import ColourSpace, pq_code, pq_nits, to_bt709
from fomm_rt.media.read.frame_pixels import FramePixels
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from picture_files import avif, with_png_chunk

PQ, HLG = ColourSpace(9, 16), ColourSpace(9, 18)
BT2020, P3 = ColourSpace(9, 14), ColourSpace(12, 1)

# Linear BT.709 to the other primaries, rows of BT.2087 and SMPTE EG 432-1.
FROM_BT709 = {
    9: np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]),
    12: np.array([[0.8225, 0.1774, 0.0], [0.0332, 0.9669, 0.0], [0.0171, 0.0724, 0.9108]]),
}


def grey(code: float, space: ColourSpace) -> float:
    """The 8-bit level that a grey becomes; its channels must be equal."""
    levels = to_bt709(np.full((1, 3), code), space)[0] * 255
    assert np.ptp(levels) < 0.01
    return float(levels[0])


def test_anchors_of_pq() -> None:
    """Values from BT.2100 and BT.2408."""
    assert pq_nits(np.array(0.0)) == 0
    assert pq_nits(np.array(1.0)) == pytest.approx(10_000)
    assert pq_nits(np.array(0.5081)) == pytest.approx(100, rel=0.002)
    assert pq_nits(np.array(0.58)) == pytest.approx(203, rel=0.01)
    codes = np.linspace(0, 1, 101)
    assert np.allclose(pq_code(pq_nits(codes)), codes, atol=1e-6)


@pytest.mark.parametrize("space", [PQ, HLG])
def test_dark_and_middle_tones_keep_their_luminance(space: ColourSpace) -> None:
    """A display for BT.709 whose white is 203 nits shows them as bright as the source did."""
    for nits in (1, 5, 20, 50):
        # HLG: nits = 1000 E^1.2, and the square root below 1/12.
        code = pq_code(np.array(nits)) if space is PQ else np.sqrt(3 * (nits / 1000) ** (1 / 1.2))
        assert grey(float(code), space) == pytest.approx(255 * (nits / 203) ** (1 / 2.4), abs=0.6)


@pytest.mark.parametrize("space", [PQ, HLG])
def test_highlights_roll_off_without_clipping(space: ColourSpace) -> None:
    peak = float(pq_code(np.array(1000.0))) if space is PQ else 1.0
    levels = [grey(code, space) for code in np.linspace(0, peak, 60)]
    assert levels[0] == 0
    assert levels[-1] == pytest.approx(255, abs=0.5)
    assert all(b > a for a, b in pairwise(levels))
    # White paper is bright, and brighter things are still told apart from it.
    assert 220 < grey(0.581 if space is PQ else 0.75, space) < 240


def test_the_peak_of_the_source_decides_how_much_is_rolled_off() -> None:
    paper = [grey(0.581, ColourSpace(9, 16, peak)) for peak in (203, 400, 1000, 4000, 10_000)]
    assert paper == sorted(paper, reverse=True)
    assert paper[0] == pytest.approx(255, abs=1)


@pytest.mark.parametrize("space", [BT2020, P3])
def test_wide_primaries_give_back_colours_of_bt709(space: ColourSpace) -> None:
    colours = np.random.default_rng(0).uniform(0.2, 1, (50, 3))
    wide = (colours**2.4 @ FROM_BT709[space.primaries].T).clip(0, 1) ** (1 / 2.4)
    assert np.abs(to_bt709(wide, space) - colours).max() * 255 < 1.5


def write(path: Path, code: NDArray[np.float64], space: ColourSpace, codec: str = "ffv1", **options: str) -> None:
    """Writes RGB code values from 0 to 1, (H, W, 3), as a tagged video of two frames in 10 bits."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = *code.shape[:2], "yuv444p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc = space.primaries, space.transfer
        context.colorspace, context.color_range = 9, 1
        for index in range(2):
            frame = av.VideoFrame.from_ndarray(np.rint(code * 65535).astype(np.uint16), format="rgb48le")
            frame = frame.reformat(format="yuv444p10le", dst_colorspace=9, src_color_range=2, dst_color_range=1)
            frame.color_primaries, frame.color_trc = space.primaries, space.transfer
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def patches(seed: int = 1) -> NDArray[np.float64]:
    """(16, 256, 3): sixteen random colours of little saturation, as in nature."""
    random = np.random.default_rng(seed)
    greys = random.uniform(0.05, 0.7, (16, 1))
    colours = (greys + random.uniform(-0.08, 0.08, (16, 3))).clip(0, 1)
    return np.tile(colours.repeat(16, axis=0), (16, 1, 1))


@pytest.mark.parametrize("space", [PQ, HLG, BT2020, P3])
def test_a_video_is_shown_in_bt709(tmp_path: Path, space: ColourSpace) -> None:
    path = tmp_path / "foreign.mkv"
    write(path, patches(), space)
    expected = np.rint(to_bt709(patches(), space) * 255)
    with VideoReader(path) as reader:
        for frame in reader:
            difference = np.abs(frame.pixels - expected)
            # The video has 10 bits, and the table is interpolated: coarse where colours leave BT.709.
            assert np.quantile(difference, 0.95) <= 3
            assert difference.mean() < 1


def test_the_table_is_fine_enough() -> None:
    colours = np.random.default_rng(2).uniform(0, 1, (64, 64, 3))
    code = np.rint(colours * 65535).astype(np.uint16)
    for space in (PQ, HLG, BT2020):
        frame = av.VideoFrame.from_ndarray(code, format="rgb48le")
        frame.color_primaries, frame.color_trc = space.primaries, space.transfer
        difference = np.abs(FramePixels(None).convert(frame) - to_bt709(code / 65535, space) * 255)
        assert difference.mean() < 0.6


def test_the_luminance_of_the_mastering_display_is_honoured(tmp_path: Path) -> None:
    paper = np.full((64, 64, 3), 0.581)
    levels = {}
    for peak in (400, 4000):
        path = tmp_path / f"{peak}.mkv"
        display = f"G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L({peak}0000,1)"
        write(path, paper, PQ, "libx265", **{"x265-params": f"log-level=none:master-display={display}"})
        with VideoReader(path) as reader:
            levels[peak] = float(next(iter(reader)).pixels.mean())
        assert levels[peak] == pytest.approx(grey(0.581, ColourSpace(9, 16, peak)), abs=2)
    assert levels[400] > levels[4000] + 5


def test_transparency_of_hdr_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "clear.mov"
    pixels = np.zeros((32, 64, 4), np.uint16)
    pixels[..., :3] = round(float(pq_code(np.array(60.0))) * 65535)
    pixels[:, 32:, 3] = 65535
    with av.open(str(path), "w") as output:
        stream = output.add_stream("prores_ks", rate=25, options={"profile": "4444"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuva444p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9
        frame = av.VideoFrame.from_ndarray(pixels, format="rgba64le").reformat(format="yuva444p10le", dst_colorspace=9)
        frame.color_primaries, frame.color_trc = 9, 16
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    found = next(iter(VideoReader(path))).pixels.astype(int)
    assert found[16, 8].tolist() == [255, 255, 255]
    assert np.abs(found[16, 56] - 255 * (60 / 203) ** (1 / 2.4)).max() <= 4


def test_ordinary_video_takes_the_short_way() -> None:
    for tags in ((1, 1), (6, 6), (5, 6), (2, 2), (1, 13)):
        frame = av.VideoFrame.from_ndarray(corners(), format="rgb24")
        frame.color_primaries, frame.color_trc = tags
        converter = FramePixels(None)
        assert np.array_equal(converter.convert(frame), corners())
        assert converter._filter is None


@pytest.mark.parametrize("height", [90, 640])
@pytest.mark.parametrize("form", ["yuv420p10le", "yuva420p10le", "gbrp10le", "yuv420p", "yuvj422p", "rgb24"])
@pytest.mark.parametrize("tags", [(9, 16), (2, 2)])
def test_a_large_frame_is_converted_in_bands_to_the_same_pixels(
    form: str, height: int, tags: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (height, 64, 4), np.uint16)
    frame = av.VideoFrame.from_ndarray(noise, format="rgba64le").reformat(format=form, dst_colorspace=9)
    frame.color_primaries, frame.color_trc = tags
    whole = FramePixels(None).convert(frame)
    monkeypatch.setattr("fomm_rt.media.read.frame_pixels.LARGEST_IN_ONE", 0)
    monkeypatch.setattr("fomm_rt.media.read.frame_bands.BAND_PIXELS", 64 * 30)
    in_bands = FramePixels(None)
    for _ in range(2):
        assert np.array_equal(in_bands.convert(frame), whole)
    assert len(in_bands._bands) == (height + 29) // 30


@pytest.mark.parametrize("space", [PQ, HLG])
def test_an_hdr_avif_is_shown_in_bt709(tmp_path: Path, space: ColourSpace) -> None:
    path = tmp_path / "hdr.avif"
    code = np.rint(patches() * 65535).astype(np.uint16).repeat(4, axis=0)
    path.write_bytes(avif(code, form="yuv420p10le", colour=(space.primaries, space.transfer, 9)))
    expected = to_bt709(code / 65535, space) * 255
    inner = (slice(None), np.arange(256) % 16 == 8)
    assert np.abs(read_picture(path)[inner] - expected[inner]).mean() < 2


def test_an_hdr_png_is_shown_in_bt709(tmp_path: Path) -> None:
    code = np.rint(patches() * 65535).astype(np.uint16)
    done, content = cv2.imencode(".png", code[..., ::-1])
    assert done
    path = tmp_path / "hdr.png"
    path.write_bytes(with_png_chunk(content.tobytes(), b"cICP", bytes([9, 16, 0, 1])))
    assert np.abs(read_picture(path) - to_bt709(code / 65535, PQ) * 255).max() < 3
