"""How other programs run the four graphs: their order, value ranges, coordinates and the motion formula.

Exports write it into every ONNX file and into model.json. It is ASCII, for programs that print it anywhere.
"""

from __future__ import annotations

from fomm_rt.model.manifest import Manifest

METADATA_PREFIX = "fomm_rt."
"""Of the keys in `metadata_props` of an ONNX file."""


def conventions(
    size: int, has_jacobians: bool, has_occlusion_map: bool, has_blend_mask: bool = False
) -> dict[str, str]:
    """Describes how the graphs of a model are run.

    Args:
        size: Side of the frames in pixels.
        has_jacobians: True if keypoints carry jacobians.
        has_occlusion_map: True if dense motion gives an occlusion map.
        has_blend_mask: True if the generator gives a blend mask.

    Returns:
        Topic -> sentences.
    """
    jacobians = ", jacobians become kp_source_jacobian" if has_jacobians else ""
    both = ", the jacobians of both" if has_jacobians else ""
    maps = "deformation, occlusion_map" if has_occlusion_map else "deformation"
    pixels, and_mask = (", source_pixels", ", blend_mask") if has_blend_mask else ("", "")
    encoded = f"source_features{' and source_pixels' if has_blend_mask else ''}"
    relative = "kp_driving = kp_source + scale * (keypoints - keypoints_0)"
    absolute = "kp_driving = keypoints"
    if has_jacobians:
        relative += "; kp_driving_jacobian = jacobians * inverse(jacobians_0) * kp_source_jacobian"
        absolute += "; kp_driving_jacobian = jacobians"
    return {
        "once_per_source": f"keypoint_detector(frame = source): keypoints become kp_source{jacobians}; "
        f"source_encoder(source_image) gives source_features, source_quarter{pixels}",
        "once_per_frame": "keypoint_detector(frame); motion_relative or motion_absolute gives kp_driving; "
        f"dense_motion(source_quarter, kp_source, kp_driving{both}) gives {maps}; "
        f"generator(source_features, {maps}{pixels}) gives prediction{and_mask}",
        "pictures": f"frame, source_image and prediction are float32, batch x 3 x {size} x {size}, red, green, blue, "
        "0 to 1: value / 255, and back round(255 * prediction)",
        "coordinates": "keypoints and deformation are (x, y), x to the right and y down; -1 and 1 are the centres of "
        "the first and the last pixel",
        "motion_relative": f"{relative}; _0 is the first driving frame; scale is 1, or "
        "sqrt(area(convex_hull(kp_source)) / area(convex_hull(keypoints_0)))",
        "motion_absolute": absolute,
        "variants": f"{encoded} of one variant (file names with .cpu) fit the generator of that variant only",
    }


def conventions_of(manifest: Manifest) -> dict[str, str]:
    """Describes a model whose manifest does not, because it is older."""
    outputs = {spec.name for network in manifest.networks.values() for spec in network.outputs}
    return conventions(manifest.size, manifest.has_jacobians, "occlusion_map" in outputs, manifest.has_blend_mask)
