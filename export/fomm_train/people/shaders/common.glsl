// Camera coordinates: head units, x right, y down, z to the camera.
uniform vec4 stage;       // origin's picture position (x, y), half picture sides of a head unit, camera distance
uniform float pixels;     // side of the picture
uniform mat4 light_view;  // camera coordinates to the shadow map
uniform int from_light;   // 1 while the shadow map is drawn

vec4 to_clip(vec3 place) {
    if (from_light == 1) return light_view * vec4(place, 1.0);
    float nearness = stage.w / (stage.w - place.z);
    vec2 picture = (stage.xy + stage.z * place.xy) * nearness;
    // -1 and 1 are the centres of the corner pixels.
    return vec4(picture.x * (pixels - 1.0) / pixels, -picture.y * (pixels - 1.0) / pixels, -0.1 * place.z, 1.0);
}
